//! `digests.json`: the digest of every file of a package.

use std::collections::BTreeMap;

use drs_core::lattice::Digest;
use serde::{Deserialize, Serialize};

use crate::path;

/// Its name in a package.
pub(crate) const FILE: &str = "digests.json";

/// The name of its signature in a package.
pub const SIGNATURE: &str = "digests.json.minisig";

/// The version of its form.
const FORMAT: u32 = 1;

/// Files of a package, at the most.
const MOST_FILES: usize = 10_000;

/// The digests of all files but this one and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    format: u32,
    /// By path.
    pub files: BTreeMap<String, Entry>,
}

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Of its bytes.
    pub sha256: Digest,
    /// Its length.
    pub bytes: u64,
}

impl Digests {
    pub(crate) fn new(files: BTreeMap<String, Entry>) -> Result<Self, String> {
        Self { format: FORMAT, files }.checked()
    }

    /// Reads them.
    ///
    /// # Errors
    /// If it is no such file, or names files that no package may have.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        let digests: Self =
            serde_json::from_slice(text).map_err(|error| format!("{FILE}: {error}"))?;
        digests.checked().map_err(|problem| format!("{FILE}: {problem}"))
    }

    fn checked(self) -> Result<Self, String> {
        if self.format != FORMAT {
            return Err(format!(
                "format {} found, expected {FORMAT}: a newer drs may read it",
                self.format
            ));
        }
        if self.files.len() > MOST_FILES {
            return Err(format!("{} files found, expected at most {MOST_FILES}", self.files.len()));
        }
        let own = [FILE, SIGNATURE];
        path::check_all(self.files.keys().map(String::as_str).chain(own))?;
        Ok(self)
    }

    /// As it is written; the package's identity is the digest of this.
    pub(crate) fn text(&self) -> Result<Vec<u8>, String> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        text.push(b'\n');
        Ok(text)
    }

    /// Bytes of all files together; `None` where no number holds them.
    pub(crate) fn total(&self) -> Option<u64> {
        self.files.values().try_fold(0u64, |sum, entry| sum.checked_add(entry.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written_and_nothing_else() {
        let entry = Entry { sha256: Digest::of(b"x"), bytes: 1 };
        let digests = Digests::new([("a/b".to_owned(), entry)].into()).unwrap();
        assert_eq!(Digests::read(&digests.text().unwrap()), Ok(digests.clone()));
        let text = String::from_utf8(digests.text().unwrap()).unwrap();
        for (from, to, expected) in [
            ("\"format\": 1", "\"format\": 2", "newer drs"),
            ("a/b", "../b", "begins or ends with"),
            ("a/b", "digests.json", "twice"),
            ("a/b", "Digests.json.MINISIG", "twice"),
            ("\"bytes\"", "\"size\"", "unknown field"),
            ("\"bytes\": 1", "\"bytes\": -1", "invalid value"),
        ] {
            assert!(text.contains(from));
            let problem = Digests::read(text.replace(from, to).as_bytes()).unwrap_err();
            assert!(problem.contains(expected), "{to}: {problem}");
        }
    }
}
