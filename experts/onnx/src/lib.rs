//! The `onnx` plugin: any ONNX classifier as an expert, through rten.
//!
//! What a model may be like, and what experts.toml says of it, is in `drs-onnx-files`; here is
//! what belongs to rten.
//!
//! * `support.rs`: operators that rten lacks, or computes wrongly.
//! * `guard/`: rten's work on threads that may be given up; with the one `unsafe` code here, an
//!   allocator that counts.
//! * `limits.rs`: how much memory and time that work may take.
//! * `model.rs`: loading and running it.

#[cfg(test)]
mod conformance;
mod guard;
mod limits;
mod model;
mod support;

use drs_plugins_api::export_expert;

export_expert!(model::OnnxExpert);
