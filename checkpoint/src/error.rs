//! The one error of this crate: a file and what is wrong with it.

use std::path::{Path, PathBuf};

/// A checkpoint that cannot be used; the message says what was found and expected.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct CheckpointError {
    path: PathBuf,
    problem: String,
}

impl CheckpointError {
    pub(crate) fn new(path: &Path, problem: impl ToString) -> Self {
        Self { path: path.to_owned(), problem: problem.to_string() }
    }

    /// The file that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// A name out of the file, safe to print: short and without control characters.
pub(crate) fn shown(name: &str) -> String {
    const MOST: usize = 80;
    let mut short: String = name.chars().take(MOST).flat_map(char::escape_debug).collect();
    if name.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}
