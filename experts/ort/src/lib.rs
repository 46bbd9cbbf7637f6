#![deny(unsafe_code)]
//! The `ort` plugin: any ONNX classifier as an expert, through ONNX Runtime.
//!
//! What a model may be like, and what experts.toml says of it, is in `drs-onnx-files`; here is
//! what belongs to ONNX Runtime.
//!
//! * `config.rs`: the keys of the `config` table that are its own.
//! * `library.rs`: where its library is found.
//! * `provider.rs`: what runs a model: the CPU, or a device.
//! * `sessions.rs`: a loaded model, for several calls at once.
//! * `tensors.rs`: floats of every size.
//! * `expert.rs`: the plugin.

mod config;
#[cfg(test)]
mod conformance;
mod expert;
mod library;
mod provider;
mod sessions;
mod tensors;
#[cfg(test)]
mod tests;

use drs_plugins_api::export_expert;

export_expert!(expert::OrtExpert);
