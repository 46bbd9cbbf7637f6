//! Images, data sets and their labels.

use std::path::Path;

use drs_core::lattice::{Quantum, Shape};
use drs_data::{
    Classes, Dataset, InputSpec, Interpolation, Labels, OpenOptions, Resize, read_image,
};

use super::{folder, parts};

/// NumPy arrays: an npz file, or two npy files.
pub fn arrays(data: &[u8]) {
    if data.starts_with(b"PK") {
        let folder = folder(&[("data.npz", data)]);
        return read(&folder.path().join("data.npz"), [1, 2, 2]);
    }
    let (images, labels) = parts(data);
    read(folder(&[("images.npy", images), ("labels.npy", labels)]).path(), [1, 2, 2]);
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

/// Labels in files of their own, for three images. The first byte says of which form they are; then
/// two files: the labels, and the names of the classes as the data set or the user lists them.
pub fn labels(data: &[u8]) {
    let Some((form, rest)) = data.split_first() else { return };
    let (labels, names) = parts(rest);
    // What is listed beside tiny ImageNet's images; tables that the user names; lists.
    let name = match form {
        b'v' => "val/val_annotations.txt",
        b'c' => "labels.csv",
        b't' => "labels.tsv",
        b'n' => "labels.npy",
        _ => "labels.txt",
    };
    let (image, list) = ("P5 1 1 255\n0".as_bytes(), "names.txt");
    let folder = folder(&[
        ("val/images/val_0.png", image),
        ("val/images/val_1.png", image),
        ("val/images/2.png", image),
        ("wnids.txt", names),
        (list, names),
        (name, labels),
    ]);
    let place = |name: &str| folder.path().join(name);
    let own = if *form == b'v' { Labels::Own } else { Labels::File(place(name)) };
    for (labels_from, classes) in
        [(0, Classes::ByName), (1, Classes::ByPlace), (0, Classes::File(place(list)))]
    {
        let options =
            OpenOptions { labels: own.clone(), labels_from, classes, ..OpenOptions::default() };
        read_with(&place("val"), [1, 1, 1], &options);
    }
}

/// SVHN's files of MATLAB.
pub fn mat(data: &[u8]) {
    read(&folder(&[("digits.mat", data)]).path().join("digits.mat"), [1, 2, 1]);
}

/// Parquet files as the Hugging Face hub has them.
pub fn parquet(data: &[u8]) {
    let folder = folder(&[("test.parquet", data)]);
    let path = folder.path().join("test.parquet");
    for labels in [Labels::Own, Labels::None] {
        read_with(&path, [3, 2, 3], &OpenOptions { labels, ..OpenOptions::default() });
    }
}

/// Opens a data set and reads what it says it has.
fn read(path: &Path, shape: [usize; 3]) {
    read_with(path, shape, &OpenOptions::default());
}

fn read_with(path: &Path, shape: [usize; 3], options: &OpenOptions) {
    let Ok(data) = Dataset::open(path, spec(shape), options) else { return };
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
