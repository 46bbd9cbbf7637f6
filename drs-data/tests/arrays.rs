//! NumPy arrays: splits by name, one file, CIFAR-10-C's folders.

use std::io::Write as _;
use std::path::Path;

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, Labels, OpenOptions};
use ndarray::{Array, Array1, Array2, Array4, Dimension};
use ndarray_npy::{WritableElement, WriteNpyExt as _};

fn open(path: &Path, options: &OpenOptions) -> Result<Dataset, String> {
    let shape = Shape::new([3, 1, 2]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    Dataset::open(path, spec, options).map_err(|error| error.to_string())
}

fn split(split: &str) -> OpenOptions {
    OpenOptions { split: split.to_owned(), ..OpenOptions::default() }
}

fn npy<T: WritableElement, D: Dimension>(array: &Array<T, D>) -> Vec<u8> {
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).unwrap();
    bytes
}

/// Images of 1x2 with three channels, the first value of each is its number from `first`.
fn images(first: u8, count: usize) -> Array4<u8> {
    Array4::from_shape_fn((count, 1, 2, 3), |(n, _, x, c)| {
        first + n as u8 + 100 * (x + c).min(1) as u8
    })
}

/// A column, as MedMNIST has them.
fn column(labels: &[u8]) -> Array2<u8> {
    Array2::from_shape_vec((labels.len(), 1), labels.to_vec()).unwrap()
}

/// As `numpy.savez_compressed` writes it.
fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Label and first value of every input.
fn seen(data: &Dataset) -> Vec<(Option<usize>, i16)> {
    let of = |index| {
        let example = data.get(index).unwrap();
        (example.label, example.input.values()[0])
    };
    (0..data.len()).map(of).collect()
}

#[test]
fn the_split_chooses_the_arrays_of_keras_and_medmnist() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.npz");
    let keras = |part: &str, first, labels: &[u8]| {
        let labels = npy(&Array1::from(labels.to_vec()));
        [(format!("x_{part}"), npy(&images(first, 2))), (format!("y_{part}"), labels)]
    };
    let medmnist = |part: &str, first, labels: &[u8]| {
        let labels = npy(&column(labels));
        [(format!("{part}_images"), npy(&images(first, 2))), (format!("{part}_labels"), labels)]
    };
    let write = |arrays: Vec<(String, Vec<u8>)>| {
        let arrays: Vec<_> = arrays.iter().map(|(n, bytes)| (n.as_str(), bytes.clone())).collect();
        std::fs::write(&file, npz(&arrays)).unwrap();
        // The same in a folder of files.
        for (name, bytes) in arrays {
            std::fs::write(folder.path().join(format!("{name}.npy")), bytes).unwrap();
        }
    };
    write([keras("test", 10, &[4, 5]), keras("train", 20, &[6, 7])].concat());
    for path in [file.as_path(), folder.path()] {
        let data = open(path, &split("train")).unwrap();
        assert_eq!(seen(&data), [(Some(6), 20), (Some(7), 21)]);
        assert_eq!(seen(&open(path, &split("test")).unwrap()), [(Some(4), 10), (Some(5), 11)]);
        let error = open(path, &split("val")).unwrap_err();
        assert!(error.contains("no split val, found test, train"), "{error}");
        assert!(error.contains("x_test, x_train, y_test, y_train"), "{error}");
    }
    write([medmnist("val", 30, &[1, 0]), medmnist("train", 40, &[2, 1])].concat());
    for name in ["val", "validation"] {
        let data = open(&file, &split(name)).unwrap();
        assert_eq!(seen(&data), [(Some(1), 30), (Some(0), 31)]);
    }
    let error = open(&file, &split("test")).unwrap_err();
    assert!(error.contains("no split test, found train, val"), "{error}");
}

#[test]
fn labels_of_another_split_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.npz");
    let labels = npy(&column(&[1, 2]));
    std::fs::write(&file, npz(&[("x_train", npy(&images(1, 2))), ("y_test", labels)])).unwrap();
    let error = open(&file, &split("train")).unwrap_err();
    assert!(
        error.contains("no labels, expected an array named y_train or train_labels"),
        "{error}"
    );
}

#[test]
fn a_lone_file_takes_labels_from_beside_it_or_from_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pictures.npy");
    std::fs::write(&file, npy(&images(7, 2))).unwrap();
    let error = open(&file, &OpenOptions::default()).unwrap_err();
    assert!(error.contains("labels.npy") && error.contains("--labels"), "{error}");
    let none = OpenOptions { labels: Labels::None, ..OpenOptions::default() };
    assert_eq!(seen(&open(&file, &none).unwrap()), [(None, 7), (None, 8)]);
    let other = folder.path().join("other.npy");
    std::fs::write(&other, npy(&Array1::from(vec![3u8, 9]))).unwrap();
    let given = OpenOptions { labels: Labels::File(other), ..OpenOptions::default() };
    assert_eq!(seen(&open(&file, &given).unwrap()), [(Some(3), 7), (Some(9), 8)]);
    std::fs::write(folder.path().join("labels.npy"), npy(&Array1::from(vec![1i64, 0]))).unwrap();
    let data = open(&file, &OpenOptions::default()).unwrap();
    assert_eq!(seen(&data), [(Some(1), 7), (Some(0), 8)]);
    std::fs::write(folder.path().join("labels.npy"), npy(&Array1::from(vec![1i64]))).unwrap();
    let error = open(&file, &OpenOptions::default()).unwrap_err();
    assert!(error.contains("labels.npy: 1 labels for 2 images"), "{error}");
}

/// Two corruptions with two images for each severity.
fn corrupted() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("fog.npy", npy(&images(10, 10)));
    write("jpeg_compression.npy", npy(&images(50, 10)));
    let labels: Vec<u8> = (0..5).flat_map(|_| [3, 8]).collect();
    write("labels.npy", npy(&Array1::from(labels)));
    write("._fog.npy", b"left by macOS".to_vec());
    folder
}

#[test]
fn corruption_and_severity_are_options() {
    let folder = corrupted();
    let options = |corruption: Option<&str>, severity| OpenOptions {
        corruption: corruption.map(str::to_owned),
        severity,
        ..OpenOptions::default()
    };
    let error = open(folder.path(), &options(None, None)).unwrap_err();
    assert!(error.contains("--corruption (fog, jpeg_compression)"), "{error}");
    assert!(error.contains("fog.npy") && !error.contains("macOS"), "{error}");
    let error = open(folder.path(), &options(Some("snow"), None)).unwrap_err();
    assert!(error.contains("--corruption snow found, expected one of fog, jpeg"), "{error}");
    for (severity, first) in (1..=5).zip([50, 52, 54, 56, 58]) {
        let data = open(folder.path(), &options(Some("jpeg_compression"), Some(severity))).unwrap();
        assert_eq!(seen(&data), [(Some(3), first), (Some(8), first + 1)]);
        assert_eq!(data.get(1).unwrap().name, "1");
        let file = folder.path().join("jpeg_compression.npy");
        let named = open(&file, &options(None, Some(severity))).unwrap();
        assert_eq!(seen(&named), seen(&data));
    }
    let all = open(folder.path(), &options(Some("fog"), None)).unwrap();
    assert_eq!((all.len(), seen(&all)[9]), (10, (Some(8), 19)));
    for severity in [0, 6] {
        let error = open(folder.path(), &options(Some("fog"), Some(severity))).unwrap_err();
        assert!(error.contains("expected 1 to 5"), "{error}");
    }
    let train = OpenOptions { split: "train".to_owned(), ..options(Some("fog"), Some(1)) };
    assert!(open(folder.path(), &train).unwrap_err().contains("--split train"));
    std::fs::write(folder.path().join("fog.npy"), npy(&images(1, 9))).unwrap();
    let error = open(folder.path(), &options(Some("fog"), Some(1))).unwrap_err();
    assert!(error.contains("9 images found"), "{error}");
}

#[test]
fn options_that_the_data_does_not_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.npz");
    let labels = npy(&column(&[1, 2]));
    std::fs::write(&file, npz(&[("x", npy(&images(1, 2))), ("y", labels)])).unwrap();
    let given = [
        OpenOptions { corruption: Some("fog".to_owned()), ..OpenOptions::default() },
        OpenOptions { severity: Some(1), ..OpenOptions::default() },
        OpenOptions { configuration: Some("en".to_owned()), ..OpenOptions::default() },
    ];
    let classes = tempfile::tempdir().unwrap();
    std::fs::create_dir(classes.path().join("a")).unwrap();
    std::fs::write(classes.path().join("a/x.png"), "no matter").unwrap();
    for options in given {
        for path in [file.as_path(), classes.path()] {
            let error = open(path, &options).unwrap_err();
            assert!(error.contains("is given, which this data does not have"), "{error}");
        }
    }
}

#[test]
fn doubles_keep_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.npz");
    // In single precision this rounds to more than 1.
    let almost = 1.0 + 1e-9;
    let images =
        Array::from_shape_vec((1, 3, 1, 2), vec![0.0, 0.2, 0.4, 0.6, 1.0, almost]).unwrap();
    std::fs::write(&file, npz(&[("x", npy(&images)), ("y", npy(&column(&[1])))])).unwrap();
    let data = open(&file, &OpenOptions::default()).unwrap();
    assert!(data.get(0).unwrap_err().to_string().contains("outside [0, 1]"));
}

#[test]
fn a_header_that_promises_terabytes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.npy");
    for count in ["1000000000000", "99999999999999999"] {
        let dict =
            format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, 1, 2, 3)}}\n");
        let length = u16::try_from(dict.len()).unwrap().to_le_bytes();
        let bytes = [b"\x93NUMPY\x01\x00", &length[..], dict.as_bytes(), &[1, 2, 3]].concat();
        std::fs::write(&file, bytes).unwrap();
        let none = OpenOptions { labels: Labels::None, ..OpenOptions::default() };
        let error = open(&file, &none).unwrap_err();
        assert!(error.contains("x.npy") && error.contains(count), "{error}");
    }
}
