//! What a model is opened with.

use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;
use drs_data::InputSpec;
use serde::{Deserialize, Serialize};

use crate::config::ModelSpec;

/// Everything that opening a model takes, here or in another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Opening {
    /// The library, and the digest that it has.
    pub(crate) library: PathBuf,
    pub(crate) sha256: Digest,
    /// The plugin's configuration as JSON.
    pub(crate) config: String,
    /// Where relative paths in it start.
    pub(crate) base_dir: String,
    pub(crate) shape: [usize; 3],
    pub(crate) levels: u16,
}

impl Opening {
    pub(super) fn new(
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
