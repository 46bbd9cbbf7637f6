//! The `config` table of an ONNX expert.

use std::path::PathBuf;

use drs_plugins_api::declared::Classes;
use serde::Deserialize;

/// ```toml
/// config = { model = "s025.onnx" }
/// config = { model = "s025.onnx", sigma = 0.25, classes = ["cat", "dog"], mean = [0.29], std = [0.35] }
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The ONNX file, relative to experts.toml.
    pub(crate) model: PathBuf,
    /// Noise level; from the model's metadata by default.
    pub(crate) sigma: Option<f64>,
    /// Class names or their number; from the model's metadata by default.
    pub(crate) classes: Option<Classes>,
    /// Per channel: inputs become (x − mean)/std before the model sees them.
    /// Noise is added before that, and sigma stays in units of x.
    pub(crate) mean: Option<Vec<f32>>,
    /// See `mean`.
    pub(crate) std: Option<Vec<f32>>,
}
