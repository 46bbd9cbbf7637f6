//! Inputs that have no result: those that cannot be read, and those that an isolated plugin did
//! not survive.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::whole::{Prepared, remove};

/// Why an input has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// It could not be read.
    Unreadable,
    /// A plugin's own process was lost over it.
    PluginLost,
}

/// Inputs by index, why they failed and in which words.
#[derive(Debug, Default)]
pub(crate) struct Failed(BTreeMap<usize, (Reason, String)>);

/// One of them in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    idx: usize,
    reason: Reason,
    error: String,
}

impl Failed {
    /// Those that the file of an earlier run lists; none if there is no such file.
    pub(crate) fn read(path: &Path) -> Result<Self, RunError> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            read => read.map_err(RunError::file("read", path))?,
        };
        let entries: Vec<Entry> = serde_json::from_str(&text).map_err(|error| {
            let path = path.display();
            let context = format!("{path}: not a list of failed inputs; start the run again");
            RunError::from(error).within(context)
        })?;
        Ok(Self(entries.into_iter().map(|e| (e.idx, (e.reason, e.error))).collect()))
    }

    pub(crate) fn add(&mut self, idx: usize, reason: Reason, error: String) {
        self.0.insert(idx, (reason, error));
    }

    pub(crate) fn remove(&mut self, idx: usize) {
        self.0.remove(&idx);
    }

    /// Leaves out all others.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        self.0.retain(|&idx, _| keep(idx));
    }

    /// Takes those of another list.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.clone());
    }

    pub(crate) fn has(&self, idx: usize) -> bool {
        self.0.contains_key(&idx)
    }

    /// Lists them in a file; without any there is none.
    pub(crate) fn write(&self, path: &Path) -> Result<(), RunError> {
        match self.prepared(path)? {
            Some(list) => list.put(),
            None => remove(path),
        }
    }

    /// The list, which does not have its name yet; none if there are none.
    pub(crate) fn prepared(&self, path: &Path) -> Result<Option<Prepared>, RunError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let entry = |(idx, (reason, error)): (&usize, &(Reason, String))| Entry {
            idx: *idx,
            reason: *reason,
            error: error.clone(),
        };
        let entries: Vec<Entry> = self.0.iter().map(entry).collect();
        let text = serde_json::to_string_pretty(&entries)? + "\n";
        Prepared::new(path, |file| file.write_all(text.as_bytes())).map(Some)
    }

    /// What became of so many inputs, in words; `None` if all have a result.
    pub(crate) fn summary(&self, of: usize, path: &Path) -> Option<String> {
        let mut text = String::new();
        for (reason, words) in [
            (Reason::Unreadable, "could not be read"),
            (Reason::PluginLost, "have no result, since a plugin did not survive them"),
        ] {
            let mut with = self.0.values().filter(|(other, _)| *other == reason);
            if let Some((_, first)) = with.next() {
                let (and, count) = (if text.is_empty() { "" } else { "; " }, with.count() + 1);
                let _ = write!(text, "{and}{count} of {of} inputs {words} (first {first})");
            }
        }
        (!text.is_empty()).then(|| format!("{text}; {} lists them", path.display()))
    }
}
