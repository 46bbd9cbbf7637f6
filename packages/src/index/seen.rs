//! What is remembered of indexes: whose each is, and the newest that was seen of it.
//!
//! An index is known by its key and its name, so that a mirror of it is the same one. The key of a place
//! is the first that a user believes for it.

use std::collections::BTreeMap;
use std::io;

use drs_core::lattice::Digest;
use serde::{Deserialize, Serialize};

use crate::error::PackageError;
use crate::key::PublicKey;
use crate::store::Store;

const FILE: &str = "indexes.json";

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    /// By place.
    keys: BTreeMap<String, PublicKey>,
    /// By key and name.
    newest: BTreeMap<String, Newest>,
}

/// The newest index that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    serial: u64,
    sha256: Digest,
}

/// An index as it was just read.
pub(super) struct Sight<'a> {
    pub(super) place: &'a str,
    pub(super) key: &'a PublicKey,
    pub(super) name: &'a str,
    pub(super) serial: u64,
    pub(super) sha256: Digest,
}

impl Store {
    /// The key that is believed for the index at a place.
    pub(super) fn index_key(&self, place: &str) -> Result<Option<PublicKey>, PackageError> {
        Ok(memory(self)?.keys.remove(place))
    }

    /// Believes nobody for the index at a place any more; whether somebody was.
    ///
    /// # Errors
    /// If what is remembered cannot be read or written.
    pub fn forget_index(&self, place: &str) -> Result<bool, PackageError> {
        let taken = self.take()?;
        let mut memory = memory(self)?;
        let was = memory.keys.remove(place).is_some();
        if was {
            taken.write(&self.root().join(FILE), &memory)?;
        }
        Ok(was)
    }

    /// Remembers an index; refuses one that is older than one that was seen, or differs from one of its serial.
    pub(super) fn see(&self, sight: &Sight<'_>) -> Result<(), PackageError> {
        let taken = self.take()?;
        let mut memory = memory(self)?;
        let newest = Newest { serial: sight.serial, sha256: sight.sha256 };
        let known = memory.newest.insert(format!("{}/{}", sight.key, sight.name), newest);
        match known {
            Some(known) if known.serial > newest.serial => {
                return Err(PackageError::Refused(format!(
                    "{}: serial {} found, but serial {} was seen before: this is an old index, which somebody may show to hide newer packages",
                    sight.place, newest.serial, known.serial
                )));
            }
            Some(known) if known.serial == newest.serial && known != newest => {
                return Err(PackageError::Refused(format!(
                    "{}: another index of serial {} was seen before: expected a new serial with every change",
                    sight.place, newest.serial
                )));
            }
            _ => {}
        }
        let believed = memory.keys.insert(sight.place.to_owned(), sight.key.clone());
        if known == Some(newest) && believed.as_ref() == Some(sight.key) {
            return Ok(());
        }
        taken.write(&self.root().join(FILE), &memory)
    }
}

fn memory(store: &Store) -> Result<Memory, PackageError> {
    let path = store.root().join(FILE);
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Memory::default()),
        text => text.map_err(PackageError::file("read", &path))?,
    };
    serde_json::from_slice(&text).map_err(|error| PackageError::package(path)(error.to_string()))
}
