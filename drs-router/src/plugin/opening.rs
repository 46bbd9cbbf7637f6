//! What a model is opened with.

use std::path::PathBuf;

use drs_core::lattice::Digest;
use serde::{Deserialize, Serialize};

/// Everything that opening a model takes, here or in another process.
///
/// Its paths are those of copies: see [`Prepared`](super::Prepared).
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
