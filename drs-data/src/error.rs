//! The one error of this crate: a file and what is wrong with it.

use std::path::{Path, PathBuf};

use drs_core::text::{printable, printable_lines};

/// A file that cannot be used; the message says what was found and expected.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", printable(&path.to_string_lossy()), printable_lines(problem))]
pub struct DataError {
    path: PathBuf,
    problem: String,
}

impl DataError {
    pub(crate) fn new(path: &Path, problem: impl ToString) -> Self {
        Self { path: path.to_owned(), problem: problem.to_string() }
    }

    /// The file (or folder) that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
