//! The `onnx` plugin: any ONNX classifier as an expert, through rten.
//!
//! The model takes `[batch, channels, height, width]` floats in \[0, 1\] (or
//! normalised, see `config.rs`) and answers with logits or probabilities per
//! class; both vote alike. Sigma and class names come from the metadata
//! properties `drs.sigma` and `drs.classes` (comma-separated) or from the
//! configuration; where both speak they must agree.

mod config;
#[cfg(test)]
mod conformance;
mod model;

use drs_plugins_api::export_expert;

export_expert!(model::OnnxExpert);
