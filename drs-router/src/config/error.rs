//! What is wrong with an experts.toml.

use std::path::PathBuf;

/// What is wrong with an experts.toml.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not valid TOML, or has a wrong or unknown field.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what, as the TOML reader tells it.
        message: String,
    },
    /// A field holds a value that it must not.
    #[error("{path}: {field}: {problem}")]
    Field {
        /// The file.
        path: PathBuf,
        /// Path of the field, such as `expert[1].name`.
        field: String,
        /// What was found and what was expected.
        problem: String,
    },
}
