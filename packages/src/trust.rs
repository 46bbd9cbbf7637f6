//! Whose signature is believed for which name.
//!
//! The first key that a user believes for a name is kept, also when the package is removed: nobody else
//! can take the name over.

use std::collections::BTreeMap;
use std::io;

use crate::error::PackageError;
use crate::key::PublicKey;
use crate::name::Name;
use crate::store::{Store, Taken};

const FILE: &str = "keys.json";

/// Keys by name.
type Keys = BTreeMap<Name, PublicKey>;

impl Store {
    /// The key that is believed for a name, if one is.
    ///
    /// # Errors
    /// If the file of keys cannot be read.
    pub fn key(&self, name: &Name) -> Result<Option<PublicKey>, PackageError> {
        Ok(keys(self)?.remove(name))
    }

    /// Believes nobody for a name any more; whether somebody was.
    ///
    /// # Errors
    /// If the file of keys cannot be read or written.
    pub fn forget_key(&self, name: &Name) -> Result<bool, PackageError> {
        let taken = self.take()?;
        let mut keys = keys(self)?;
        let was = keys.remove(name).is_some();
        taken.write(&self.root().join(FILE), &keys)?;
        Ok(was)
    }
}

impl Taken<'_> {
    /// Believes a key for a name.
    pub(crate) fn believe(&self, name: &Name, key: &PublicKey) -> Result<(), PackageError> {
        let mut keys = keys(self.store)?;
        if keys.insert(name.clone(), key.clone()).as_ref() == Some(key) {
            return Ok(());
        }
        self.write(&self.store.root().join(FILE), &keys)
    }
}

fn keys(store: &Store) -> Result<Keys, PackageError> {
    let path = store.root().join(FILE);
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Keys::new()),
        text => text.map_err(PackageError::file("read", &path))?,
    };
    serde_json::from_slice(&text).map_err(|error| PackageError::package(path)(error.to_string()))
}
