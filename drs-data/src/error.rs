//! The one error of this crate: a file and what is wrong with it.

use std::path::{Path, PathBuf};

use drs_core::text::{printable, printable_lines};

/// A file that cannot be used; the message says what was found and expected.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", printable(&path.to_string_lossy()), printable_lines(problem))]
pub struct DataError {
    path: PathBuf,
    problem: String,
    is_usage: bool,
}

impl DataError {
    pub(crate) fn new(path: &Path, problem: impl ToString) -> Self {
        Self { path: path.to_owned(), problem: problem.to_string(), is_usage: false }
    }

    /// Options that do not fit what they are about.
    pub(crate) fn usage(path: &Path, problem: impl ToString) -> Self {
        Self { is_usage: true, ..Self::new(path, problem) }
    }

    /// Whether the options are wrong, not the file.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        self.is_usage
    }

    /// The file (or folder) that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
