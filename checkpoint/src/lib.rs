#![forbid(unsafe_code)]
//! Checkpoints and other pickles of the PyTorch world as plain data.
//!
//! * [`read`]: files of `torch.save`, the zip format (since 1.6) and the one before
//!   it, and safetensors;
//! * [`Checkpoint::fit`]: the tensors that a network needs out of a file, whatever wraps
//!   them there, and the normalisation in front of it;
//! * [`read_dict`]: a pickled dict of lists and NumPy arrays, as CIFAR's authors
//!   publish it.
//!
//! No code from a file is ever run. A PyTorch checkpoint is a pickle, which is
//! a program for Python's own stack machine; the machine here knows only what
//! builds tensors and plain values, and refuses a file that asks for more.
//! What a file costs to read is bounded by its size.

mod error;
mod fit;
mod pickle;
mod plain;
mod pytorch;
mod safetensors;
mod tensor;

use std::collections::BTreeMap;
use std::path::Path;

pub use error::CheckpointError;
pub use fit::{Fitted, Front, MeanAndDeviation, Needs};
pub use plain::{Array, Plain, read_dict};
pub use tensor::{Dtype, NotFloat, Tensor};

/// What a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the architecture, where the file gives one.
    pub arch: Option<String>,
    /// The file's own notes: `__metadata__` of a safetensors file, else empty.
    pub metadata: BTreeMap<String, String>,
    /// Its sets of weights, at least one. Most files have one; some have averaged
    /// weights (EMA) beside the raw ones.
    pub sets: Vec<StateDict>,
}

/// One set of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDict {
    /// The keys that lead to it, with dots between them: `state_dict`, `ema.model`;
    /// empty if the file is the state dict.
    pub key: String,
    /// The tensors by name, as in the file; or why this is no state dict, where other
    /// values are among them.
    pub tensors: Result<BTreeMap<String, Tensor>, String>,
}

impl Checkpoint {
    /// The tensors of the set that is there, or of the first of several.
    /// Empty only if there is no such set, which [`read`] never gives.
    #[must_use]
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        static NONE: BTreeMap<String, Tensor> = BTreeMap::new();
        self.sets.iter().find_map(|set| set.tensors.as_ref().ok()).unwrap_or(&NONE)
    }
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
    let checkpoint = parse(&bytes).map_err(fail)?;
    match checkpoint.sets.first() {
        Some(StateDict { tensors: Err(problem), .. })
            if checkpoint.sets.iter().all(|set| set.tensors.is_err()) =>
        {
            Err(fail(problem.clone()))
        }
        _ => Ok(checkpoint),
    }
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
