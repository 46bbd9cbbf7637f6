//! What can be wrong with packages.

use std::path::PathBuf;

/// Why something cannot be done with a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file cannot be read or written.
    #[error("cannot {doing} {}: {error}", path.display())]
    File {
        /// What was tried: "read", "write".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{}: {problem}", path.display())]
    Package {
        /// The package.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It must not be installed.
    #[error("{0}")]
    Refused(String),
}

impl PackageError {
    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { doing, path, error }
    }

    pub(crate) fn package(path: impl Into<PathBuf>) -> impl FnOnce(String) -> Self {
        let path = path.into();
        move |problem| Self::Package { path, problem }
    }
}
