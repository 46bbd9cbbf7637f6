//! CIFAR-10 and CIFAR-100 in their binary version.

use std::path::{Path, PathBuf};

use super::packed::{Packed, Pixels, check_bytes};
use crate::InputSpec;
use crate::error::DataError;

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// One of the two data sets.
struct Kind {
    test: &'static [&'static str],
    train: &'static [&'static str],
    names: &'static str,
    classes: usize,
    /// Label bytes before the pixels; the last one is the class (CIFAR-100 has
    /// a coarse label first).
    labels: usize,
}

const KINDS: [Kind; 2] = [
    Kind {
        test: &["test_batch.bin"],
        train: &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        names: "batches.meta.txt",
        classes: 10,
        labels: 1,
    },
    Kind {
        test: &["test.bin"],
        train: &["train.bin"],
        names: "fine_label_names.txt",
        classes: 100,
        labels: 2,
    },
];

/// `None` if the folder holds neither.
pub(super) fn open(
    folder: &Path,
    spec: InputSpec,
    split: &str,
) -> Result<Option<Packed>, DataError> {
    let is_there =
        |kind: &&Kind| kind.test.iter().chain(kind.train).any(|file| folder.join(file).is_file());
    let Some(kind) = KINDS.iter().find(is_there) else { return Ok(None) };
    let fail = |problem: String| DataError::new(folder, problem);
    if spec.shape.dims() != SHAPE {
        return Err(fail(format!("CIFAR images are 3x32x32, experts.toml expects {}", spec.shape)));
    }
    check_bytes(spec, "CIFAR images").map_err(fail)?;
    let files = match split {
        "test" => kind.test,
        "train" => kind.train,
        _ => return Err(fail(format!("--split {split}: CIFAR has test and train"))),
    };
    let (mut bytes, mut labels) = (Vec::new(), Vec::new());
    for file in files {
        read(&folder.join(file), kind, &mut bytes, &mut labels)?;
    }
    let classes = names(&folder.join(kind.names), kind.classes);
    let (path, pixels) = (folder.to_owned(), Pixels::Bytes(bytes));
    Ok(Some(Packed { path, spec, pixels, labels, classes }))
}

fn read(
    path: &PathBuf,
    kind: &Kind,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<usize>,
) -> Result<(), DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    let row = kind.labels + PIXELS;
    if bytes.is_empty() || bytes.len() % row != 0 {
        let size = bytes.len();
        return Err(fail(format!(
            "{size} bytes, expected a multiple of {row}: {} for the label and {PIXELS} pixels for each image",
            kind.labels
        )));
    }
    for (index, image) in bytes.chunks_exact(row).enumerate() {
        let (head, image) = image.split_at(kind.labels);
        let label = usize::from(head[kind.labels - 1]);
        if label >= kind.classes {
            let classes = kind.classes;
            return Err(fail(format!("image {index} has label {label}, expected below {classes}")));
        }
        labels.push(label);
        pixels.extend_from_slice(image);
    }
    Ok(())
}

/// The names of the classes, a line each, if the file is there and has them all.
fn names(path: &Path, classes: usize) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(path).ok()?;
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    (names.len() == classes).then_some(names)
}
