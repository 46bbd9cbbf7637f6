//! A plugin's library: found, copied, digested, and compared with its pin.

use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;
use serde::{Deserialize, Serialize};

use super::error::LoadError;
use super::find;
use crate::config::ModelSpec;
use crate::copies::{Copies, CopyError};
use crate::hosted;

/// A library that was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Library {
    /// Where it was found.
    pub path: PathBuf,
    /// The copy that is to be loaded in its place.
    pub copy: PathBuf,
    /// The digest of the copy.
    pub sha256: Digest,
}

impl Library {
    /// Finds the library of a model's plugin, copies it, and compares the copy with what
    /// experts.toml pins: before it is loaded, since loading runs its code.
    ///
    /// # Errors
    /// If there is none, it cannot be read, or it is another.
    pub fn find(spec: &ModelSpec, base_dir: &Path, copies: &Copies) -> Result<Self, LoadError> {
        if let Some((path, sha256)) = hosted::find(&spec.plugin) {
            let sha256 = sha256.map_err(|error| LoadError::Library {
                path: path.clone(),
                problem: error.to_string(),
            })?;
            // It runs already.
            let library = Self { copy: path.clone(), path, sha256 };
            return library.pinned(spec);
        }
        let found = find::locate(&spec.plugin, Some(base_dir))?;
        let fail = |problem: String| LoadError::Library { path: found.clone(), problem };
        // Libraries beside it are looked for where it really lies.
        let real = found.canonicalize().map_err(|error| fail(error.to_string()))?;
        let (copy, sha256) = copies.add_library(&real).map_err(|error| match error {
            CopyError::Read { error, .. } => fail(error.to_string()),
            other => LoadError::Copy(other),
        })?;
        // Named as it was found.
        Self { path: found.clone(), copy, sha256 }
            .pinned(spec)
            .map(|own| Self { path: real, ..own })
    }

    fn pinned(self, spec: &ModelSpec) -> Result<Self, LoadError> {
        let Self { path, sha256, .. } = &self;
        match spec.sha256.filter(|expected| expected != sha256) {
            None => Ok(self),
            Some(expected) => {
                let problem = format!("its sha256 is {sha256}, experts.toml expects {expected}");
                Err(LoadError::Library { path: path.clone(), problem })
            }
        }
    }

    /// Whether it is part of this process, so that there is no copy to load.
    pub(super) fn runs_already(&self) -> bool {
        self.copy == self.path
    }

    /// A plugin's words, with the library in place of its copy.
    #[must_use]
    pub fn plain(&self, words: &str) -> String {
        words.replace(&self.copy.display().to_string(), &self.path.display().to_string())
    }
}
