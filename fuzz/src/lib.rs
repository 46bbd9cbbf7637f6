//! What is done with arbitrary bytes, a function per fuzz target. `tests/corpora.rs` does the same
//! with everything in `fuzz/corpus`, so that what was found once stays mended.
//!
//! Readers take paths, so bytes become files in memory.
//!
//! * `inputs.rs`: images, data sets and their labels.
//! * `models.rs`: checkpoints, ONNX files and experts.toml.
//! * `requests.rs`: what clients send to `drs serve`.
//! * `results.rs`: logs, records and descriptions of runs.

mod inputs;
mod models;
mod requests;
mod results;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub use inputs::{arrays, cifar, idx, images, labels, mat, parquet};
pub use models::{checkpoint, experts_toml, onnx};
pub use requests::{request_grpc, request_rest};
pub use results::{log_jsonl, log_tsv, record, run_json};

/// Does something with bytes, whatever they are.
pub type Target = fn(&[u8]);

/// The targets by name.
pub const TARGETS: [(&str, Target); 16] = [
    ("arrays", arrays),
    ("checkpoint", checkpoint),
    ("cifar", cifar),
    ("experts_toml", experts_toml),
    ("idx", idx),
    ("images", images),
    ("labels", labels),
    ("log_jsonl", log_jsonl),
    ("log_tsv", log_tsv),
    ("mat", mat),
    ("onnx", onnx),
    ("parquet", parquet),
    ("record", record),
    ("request_grpc", request_grpc),
    ("request_rest", request_rest),
    ("run_json", run_json),
];

/// What readers may take: less than the fuzzer lets a target have.
const MEMORY: u64 = 256 << 20;

/// A folder with these files; in memory where the system has such a place.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    drs_memory::set_budget(MEMORY);
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    let folder = folder.expect("a temporary folder");
    for (name, bytes) in files {
        let path: PathBuf = folder.path().join(name);
        let around = path.parent().expect("a folder around it");
        std::fs::create_dir_all(around).expect("a temporary folder");
        std::fs::write(path, bytes).expect("a temporary file");
    }
    folder
}

/// Two files' bytes in one input: the first four say where they part.
fn parts(data: &[u8]) -> (&[u8], &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<4>() else { return (data, &[]) };
    let at = u32::from_le_bytes(*head) as usize;
    rest.split_at(at.min(rest.len()))
}
