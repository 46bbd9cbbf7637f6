#![forbid(unsafe_code)]
//! Checkpoints and other pickles of the PyTorch world as plain data.
//!
//! * [`read`]: files of `torch.save`, the zip format (since 1.6) and the one before
//!   it, and safetensors;
//! * [`read_dict`]: a pickled dict of lists and NumPy arrays, as CIFAR's authors
//!   publish it.
//!
//! No code from a file is ever run. A PyTorch checkpoint is a pickle, which is
//! a program for Python's own stack machine; the machine here knows only what
//! builds tensors and plain values, and refuses a file that asks for more.
//! What a file costs to read is bounded by its size.

mod error;
mod pickle;
mod plain;
mod pytorch;
mod safetensors;
mod tensor;

use std::collections::BTreeMap;
use std::path::Path;

pub use error::CheckpointError;
pub use plain::{Array, Plain, read_dict};
pub use tensor::{Dtype, NotFloat, Tensor};

/// What a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the architecture, where the file gives one.
    pub arch: Option<String>,
    /// The file's own notes: `__metadata__` of a safetensors file, else empty.
    pub metadata: BTreeMap<String, String>,
    /// The state dict. A `module.` before every name, as DataParallel leaves
    /// it, is taken off; other prefixes are as in the file.
    pub tensors: BTreeMap<String, Tensor>,
}

/// Reads a checkpoint. The format is told by the content, not by the name.
///
/// # Errors
/// If the file cannot be read, is broken or of no known format, holds no state
/// dict, or asks for code to be run.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let fail = |problem: String| CheckpointError::new(path, problem);
    // A device or a pipe may never end.
    let is_file = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.is_file();
    if !is_file {
        return Err(fail("not a regular file, expected a checkpoint".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    let mut checkpoint = parse(&bytes).map_err(fail)?;
    strip_module(&mut checkpoint.tensors);
    Ok(checkpoint)
}

fn parse(bytes: &[u8]) -> Result<Checkpoint, String> {
    const EXPECTED: &str = "expected a checkpoint of torch.save or a safetensors file";
    if bytes.is_empty() {
        return Err(format!("an empty file, {EXPECTED}"));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return pytorch::zip::read(bytes);
    }
    if safetensors::is(bytes) {
        return safetensors::read(bytes);
    }
    if pytorch::legacy::is(bytes) {
        return pytorch::legacy::read(bytes);
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return Err(format!("a gzip archive, {EXPECTED}: unpack it first"));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Err(format!(
            "a tar archive, {EXPECTED}: unpack it; if it is itself a checkpoint, of PyTorch before 0.1.10, load it in Python and save it again"
        ));
    }
    let start = bytes.get(..8).unwrap_or(bytes).escape_ascii();
    Err(format!(
        "of an unknown format, {EXPECTED}; it has {} bytes and begins `{start}`",
        bytes.len()
    ))
}

fn strip_module(tensors: &mut BTreeMap<String, Tensor>) {
    const PREFIX: &str = "module.";
    if tensors.keys().all(|name| name.starts_with(PREFIX)) {
        *tensors = std::mem::take(tensors)
            .into_iter()
            .map(|(mut name, tensor)| {
                name.drain(..PREFIX.len());
                (name, tensor)
            })
            .collect();
    }
}
