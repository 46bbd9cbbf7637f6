//! What keeps a plugin from opening, and from voting.

use std::path::PathBuf;

use drs_plugins_api::Error as PluginError;

use crate::copies::CopyError;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No file of that name anywhere.
    #[error("plugin \"{plugin}\" not found; looked for {}{}", list(searched), hint)]
    NotFound {
        /// As experts.toml has it.
        plugin: String,
        /// Every path that was tried.
        searched: Vec<PathBuf>,
        /// What to do about it, in brackets behind a blank, or nothing.
        hint: String,
    },
    /// The file is not a usable plugin.
    #[error("plugin {path}: {problem}")]
    Library {
        /// The library.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The plugin refused to open the model.
    #[error("plugin {plugin}: {error}")]
    Open {
        /// The plugin's name.
        plugin: String,
        /// What it said.
        error: String,
    },
    /// The plugin opened the model, but what it says of it cannot be.
    #[error("plugin {plugin}: its manifest says {problem}")]
    Manifest {
        /// The plugin's name.
        plugin: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// A package that is installed has it, and it cannot be taken from there.
    #[error("plugin {plugin}: {problem}")]
    Installed {
        /// What experts.toml calls it.
        plugin: String,
        /// Why.
        problem: String,
    },
    /// No process of its own could be had for it, or the plugin did not survive opening the model.
    #[error("plugin {plugin}, in a process of its own: {problem}")]
    Isolated {
        /// Its file.
        plugin: PathBuf,
        /// What happened.
        problem: String,
    },
    /// A model file is not the one that experts.toml pins.
    #[error("model file {path}: {problem}")]
    Pin {
        /// The file.
        path: PathBuf,
        /// What was found, what was expected, and how to mend it.
        problem: String,
    },
    /// A file that a model's own files name lies where none of them may.
    #[error("model file {path}: {problem}")]
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// What was found, and how to mend it.
        problem: &'static str,
    },
    /// A model file, or the folder of the models, cannot be read.
    #[error("cannot read model file {path}: {error}")]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No private copy of a file could be made.
    #[error(transparent)]
    Copy(CopyError),
}

impl From<CopyError> for LoadError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Read { path, error } => Self::ModelFile { path, error },
            other => Self::Copy(other),
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Why a model did not vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The plugin said so.
    Plugin(String),
    /// Its process did not live to say anything; another may.
    Lost(String),
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        Self::Plugin(error.to_string())
    }
}
