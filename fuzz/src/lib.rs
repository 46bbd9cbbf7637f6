//! What is done with arbitrary bytes, a function per fuzz target. `tests/corpora.rs` does the same
//! with everything in `fuzz/corpus`, so that what was found once stays mended.
//!
//! Readers take paths, so bytes become files in memory.

use std::path::Path;

use drs_analysis::{Entry, Log};
use drs_checkpoint::Needs;
use drs_core::certificate::Certificate;
use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, Interpolation, OpenOptions, Resize, read_image};
use drs_router::Config;
use tempfile::TempDir;

/// Does something with bytes, whatever they are.
pub type Target = fn(&[u8]);

/// The targets by name.
pub const TARGETS: [(&str, Target); 10] = [
    ("arrays", arrays),
    ("checkpoint", checkpoint),
    ("cifar", cifar),
    ("experts_toml", experts_toml),
    ("idx", idx),
    ("images", images),
    ("log_jsonl", log_jsonl),
    ("log_tsv", log_tsv),
    ("mat", mat),
    ("record", record),
];

/// NumPy arrays: an npz file, or two npy files.
pub fn arrays(data: &[u8]) {
    if data.starts_with(b"PK") {
        let folder = folder(&[("data.npz", data)]);
        return read(&folder.path().join("data.npz"), [1, 2, 2]);
    }
    let (images, labels) = parts(data);
    read(folder(&[("images.npy", images), ("labels.npy", labels)]).path(), [1, 2, 2]);
}

/// PyTorch checkpoints and safetensors.
pub fn checkpoint(data: &[u8]) {
    let folder = folder(&[("model", data)]);
    let Ok(checkpoint) = drs_checkpoint::read(&folder.path().join("model")) else { return };
    for tensors in checkpoint.sets.iter().filter_map(|set| set.tensors.as_ref().ok()) {
        for tensor in tensors.values() {
            let _ = tensor.to_f32();
        }
    }
    let tensors = ["weight", "bias"].map(|name| (name.to_owned(), vec![None]));
    let needs = Needs { network: "any", tensors: &tensors, channels: 1 };
    for weights in [None, Some("ema")] {
        if let Ok(fitted) = checkpoint.fit(needs, weights) {
            let _ = fitted.front.normalisation((&[0.5], &[0.5]), None);
        }
    }
}

/// CIFAR's binary and python versions: a batch, and the names of the classes.
pub fn cifar(data: &[u8]) {
    let (batch, names) = parts(data);
    let files = if batch.starts_with(b"\x80") || batch.starts_with(b"(") {
        [("test_batch", batch), ("batches.meta", names)]
    } else {
        [("test_batch.bin", batch), ("batches.meta.txt", names)]
    };
    read(folder(&files).path(), [3, 32, 32]);
}

/// experts.toml: whatever it says, it is a configuration or an error.
pub fn experts_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Config::parse(Path::new("experts.toml"), text);
}

/// IDX: an image file and a label file.
pub fn idx(data: &[u8]) {
    let (images, labels) = parts(data);
    let files = [("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)];
    read(folder(&files).path(), [1, 2, 2]);
}

/// Images of every format: the content tells which. They are resized, so that any size is decoded.
pub fn images(data: &[u8]) {
    let folder = folder(&[("image", data)]);
    for channels in [1, 3] {
        let spec = InputSpec {
            resize: Some(Resize { side: 4, interpolation: Interpolation::Bilinear }),
            ..spec([channels, 4, 4])
        };
        let _ = read_image(&folder.path().join("image"), spec);
    }
}

/// Logs of records.
pub fn log_jsonl(data: &[u8]) {
    let folder = folder(&[("log.jsonl", data)]);
    let _ = Log::read(&folder.path().join("log.jsonl"));
}

/// Tab-separated logs, plain and gzipped.
pub fn log_tsv(data: &[u8]) {
    let name = if data.starts_with(b"\x1f\x8b") { "log.tsv.gz" } else { "log.tsv" };
    let folder = folder(&[(name, data)]);
    let _ = Log::read(&folder.path().join(name));
}

/// SVHN's files of MATLAB.
pub fn mat(data: &[u8]) {
    read(&folder(&[("digits.mat", data)]).path().join("digits.mat"), [1, 2, 1]);
}

/// Lines of records as `drs verify` takes them: read, judged, and written again as they were.
///
/// # Panics
/// If what is written differs from what was read.
pub fn record(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    if let Ok(entry) = Entry::read(line) {
        let _ = entry.verify();
    }
    let Ok(certificate) = serde_json::from_str::<Certificate>(line) else { return };
    let _ = certificate.draws();
    let text = serde_json::to_string(&certificate).expect("a certificate is written");
    let again: Certificate = serde_json::from_str(&text).expect("a certificate is read back");
    assert_eq!(serde_json::to_string(&again).expect("again"), text);
}

/// A folder with these files; in memory where the system has such a place.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    let folder = folder.expect("a temporary folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a temporary file");
    }
    folder
}

/// Two files' bytes in one input: the first four say where they part.
fn parts(data: &[u8]) -> (&[u8], &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<4>() else { return (data, &[]) };
    let at = u32::from_le_bytes(*head) as usize;
    rest.split_at(at.min(rest.len()))
}

/// Opens a data set and reads what it says it has.
fn read(path: &Path, shape: [usize; 3]) {
    let Ok(data) = Dataset::open(path, spec(shape), &OpenOptions::default()) else { return };
    for index in 0..data.len().min(20) {
        let _ = data.get(index);
    }
    // One past the end is asked for in earnest where a subset is wrong.
    let _ = data.get(data.len());
    let experts: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let _ = data.for_experts(&experts);
}

fn spec(shape: [usize; 3]) -> InputSpec {
    let shape = Shape::new(shape).expect("a shape");
    InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None }
}
