//! The `onnx` plugin: any ONNX classifier as an expert, through rten.
//!
//! The model takes `[batch, channels, height, width]` floats in \[0, 1\] (or
//! normalised, see `config.rs`) and answers with logits or probabilities per
//! class; both vote alike. Sigma and class names come from the metadata
//! properties `drs.sigma` and `drs.classes` (comma-separated) or from the
//! configuration; where both speak they must agree.
//!
//! * `config.rs`: the `config` table of experts.toml.
//! * `support.rs`: operators that rten lacks, or computes wrongly. All else that is asked of a
//!   file before it runs is asked by `drs-onnx-files`.
//! * `guard/`: rten's work on threads that may be given up; with the one `unsafe` code here, an
//!   allocator that counts.
//! * `limits.rs`: how much memory and time that work may take.
//! * `model.rs`: loading and running it.

mod config;
#[cfg(test)]
mod conformance;
mod guard;
mod limits;
mod model;
mod support;

use drs_plugins_api::export_expert;

export_expert!(model::OnnxExpert);
