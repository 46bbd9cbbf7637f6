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

use drs_plugins_api::abi::PluginModuleRef;
use drs_plugins_api::abi_stable::std_types::RString;
use drs_plugins_api::{__private, export_expert};

export_expert!(model::OnnxExpert);

/// The plugin, for a program that it is linked into.
#[must_use]
pub fn module() -> PluginModuleRef {
    extern "C" fn about() -> RString {
        __private::about::<model::OnnxExpert>(env!("CARGO_PKG_VERSION"))
    }
    __private::module::<model::OnnxExpert>(about)
}
