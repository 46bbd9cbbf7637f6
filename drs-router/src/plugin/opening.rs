//! What a model is opened with.

use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;
use drs_data::InputSpec;
use serde::{Deserialize, Serialize};

use super::expert::LoadError;
use super::registry::locate;
use crate::config::ModelSpec;

/// Everything that opening a model takes, here or in another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opening {
    /// The library.
    pub library: PathBuf,
    /// Its digest.
    pub sha256: Digest,
    /// The plugin's configuration as JSON.
    pub config: String,
    /// Where relative paths in it start.
    pub base_dir: String,
    /// Shape of its inputs: channels, height, width.
    pub shape: [usize; 3],
    /// Inputs are integers in units of 1/`levels`.
    pub levels: u16,
}

impl Opening {
    /// Finds the plugin of a model, and checks the pins that experts.toml has.
    ///
    /// # Errors
    /// If it is not found, or a file is not the one that is pinned.
    pub fn find(spec: &ModelSpec, base_dir: &Path, input: InputSpec) -> Result<Self, LoadError> {
        let found = locate(spec, base_dir)?;
        spec.check_files(base_dir)?;
        let library = found.0.clone();
        Self::new(found, spec, base_dir, input)
            .map_err(|problem| LoadError::Library { path: library, problem })
    }

    fn new(
        (library, sha256): (PathBuf, Digest),
        spec: &ModelSpec,
        base_dir: &Path,
        input: InputSpec,
    ) -> Result<Self, String> {
        let base_dir = base_dir
            .to_str()
            .ok_or_else(|| format!("the folder {} is not valid UTF-8", base_dir.display()))?;
        Ok(Self {
            library,
            sha256,
            config: spec.config.to_string(),
            base_dir: base_dir.to_owned(),
            shape: input.shape.dims(),
            levels: input.quantum.levels(),
        })
    }
}
