//! CIFAR-10 and CIFAR-100 as their authors publish them.

mod binary;
mod python;

use std::path::Path;

use drs_memory::Claim;

use super::OpenOptions;
use super::packed::{Packed, Pixels, check_bytes};
use crate::InputSpec;
use crate::error::DataError;

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

/// One data set in one of its versions.
struct Kind {
    test: &'static [&'static str],
    train: &'static [&'static str],
    /// File with the names of the classes.
    names: &'static str,
    /// Number of classes.
    classes: usize,
    version: Version,
}

enum Version {
    /// Label bytes before the pixels; the last one is the class (CIFAR-100 has a
    /// coarse label first).
    Binary { labels: usize },
    /// Under which keys a batch has its labels, and the other file the names.
    Python { labels: &'static str, names: &'static str },
}

const KINDS: [Kind; 4] = [
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
        version: Version::Binary { labels: 1 },
    },
    Kind {
        test: &["test.bin"],
        train: &["train.bin"],
        names: "fine_label_names.txt",
        classes: 100,
        version: Version::Binary { labels: 2 },
    },
    Kind {
        test: &["test_batch"],
        train: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
        names: "batches.meta",
        classes: 10,
        version: Version::Python { labels: "labels", names: "label_names" },
    },
    Kind {
        test: &["test"],
        train: &["train"],
        names: "meta",
        classes: 100,
        version: Version::Python { labels: "fine_labels", names: "fine_label_names" },
    },
];

/// The images of one file, plane after plane, and their classes.
#[derive(Default)]
struct Batch {
    pixels: Vec<u8>,
    labels: Vec<usize>,
}

/// `None` if the folder holds none of them.
pub(super) fn open(
    folder: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Packed>, DataError> {
    let Some(kind) = KINDS.iter().find(|kind| kind.is_in(folder)) else { return Ok(None) };
    let fail = |problem: String| DataError::new(folder, problem);
    if spec.shape.dims() != SHAPE {
        return Err(fail(format!("CIFAR images are 3x32x32, experts.toml expects {}", spec.shape)));
    }
    check_bytes(spec, "CIFAR images").map_err(fail)?;
    let files = match options.split.as_str() {
        "test" => kind.test,
        "train" => kind.train,
        split => {
            let problem = format!("--split {split}: CIFAR has test and train");
            return Err(DataError::usage(folder, problem));
        }
    };
    let (mut all, mut memory) = (Batch::default(), Claim::default());
    for file in files {
        let path = folder.join(file);
        let read = kind.read(&path).map_err(|problem| DataError::new(&path, problem))?;
        let (batch, claim) = read;
        memory.join(claim);
        all.pixels.extend(batch.pixels);
        all.labels.extend(batch.labels);
    }
    Ok(Some(Packed {
        path: folder.to_owned(),
        spec,
        count: all.labels.len(),
        pixels: Pixels::Bytes(all.pixels),
        labels: Some(all.labels),
        classes: kind.names(folder),
        memory,
    }))
}

impl Kind {
    fn is_in(&self, folder: &Path) -> bool {
        let has = |file: &str| folder.join(file).is_file();
        // A file called `test` alone may be anything.
        let is_named = matches!(self.version, Version::Binary { .. }) || has(self.names);
        is_named && self.test.iter().chain(self.train).any(|file| has(file))
    }

    fn read(&self, path: &Path) -> Result<(Batch, Claim), String> {
        let (bytes, claim) = drs_memory::read_file(path).map_err(|error| error.to_string())?;
        let batch = match self.version {
            Version::Binary { labels } => binary::batch(&bytes, labels)?,
            Version::Python { labels, .. } => python::batch(&bytes, labels)?,
        };
        let classes = self.classes;
        match batch.labels.iter().position(|&label| label >= classes) {
            None => Ok((batch, claim)),
            Some(index) => {
                let label = batch.labels[index];
                Err(format!("image {index} has label {label}, expected below {classes}"))
            }
        }
    }

    /// The names of the classes, if the file is there and has them all.
    fn names(&self, folder: &Path) -> Option<Vec<String>> {
        let bytes = std::fs::read(folder.join(self.names)).ok()?;
        let names = match self.version {
            Version::Binary { .. } => binary::names(&bytes),
            Version::Python { names, .. } => python::names(&bytes, names),
        }?;
        (names.len() == self.classes).then_some(names)
    }
}
