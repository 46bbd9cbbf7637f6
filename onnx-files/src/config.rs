//! The `config` table of an expert that is an ONNX file.

use std::path::PathBuf;

use drs_plugins_api::declared::Classes;
use serde::Deserialize;

/// What every runtime of ONNX files takes; a plugin may flatten it into a table with keys of its
/// own. Whoever deserialises it denies unknown fields.
///
/// ```toml
/// config = { model = "s025.onnx" }
/// config = { model = "s025.onnx", sigma = 0.25, classes = ["cat", "dog"], mean = [0.29], std = [0.35] }
/// config = { model = "forest.onnx", sigma = 0.25, classes = 10, output = "probabilities" }
/// config = { model = "pneumonia.onnx", sigma = 0.5, classes = ["no", "yes"], threshold = 0.5 }
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The ONNX file, relative to experts.toml.
    pub model: PathBuf,
    /// Noise level; from the model's metadata by default.
    pub sigma: Option<f64>,
    /// Class names or their number; from the model's metadata by default.
    pub classes: Option<Classes>,
    /// Per channel: inputs become (x − mean)/std before the model sees them.
    /// Noise is added before that, and sigma stays in units of x.
    pub mean: Option<Vec<f32>>,
    /// See `mean`.
    pub std: Option<Vec<f32>>,
    /// The output that votes, by its name, where there are several.
    pub output: Option<String>,
    /// The order of an input's dimensions; by default the one that the file's sizes fit.
    pub layout: Option<Layout>,
    /// For a model of one score: an input above it is of the second class.
    pub threshold: Option<f32>,
}

/// How an input's values lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channels, height, width.
    Nchw,
    /// Height, width, channels.
    Nhwc,
}
