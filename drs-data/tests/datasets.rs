//! Whole data sets, good and broken, made in temporary folders.

use std::io::Write as _;
use std::path::Path;

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, OpenOptions};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{GrayImage, Luma};
use tempfile::TempDir;

fn spec(shape: [usize; 3]) -> InputSpec {
    InputSpec { shape: Shape::new(shape).unwrap(), quantum: Quantum::EIGHT_BIT }
}

fn idx(magic: u32, dims: &[u32], data: &[u8]) -> Vec<u8> {
    let words = std::iter::once(&magic).chain(dims);
    let mut bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend(data);
    bytes
}

fn images() -> Vec<u8> {
    idx(0x0803, &[3, 1, 2], &[0, 1, 10, 11, 20, 255])
}

fn labels() -> Vec<u8> {
    idx(0x0801, &[3], &[7, 8, 9])
}

fn folder(images: &[u8], labels: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t10k-images-idx3-ubyte"), images).unwrap();
    std::fs::write(folder.path().join("t10k-labels-idx1-ubyte"), labels).unwrap();
    folder
}

fn open(path: &Path, shape: [usize; 3]) -> Result<Dataset, String> {
    Dataset::open(path, spec(shape), &OpenOptions::default()).map_err(|error| error.to_string())
}

fn error(images: &[u8], labels: &[u8]) -> String {
    open(folder(images, labels).path(), [1, 1, 2]).unwrap_err()
}

#[test]
fn idx_files_are_read_plain_or_gzipped() {
    let plain = folder(&images(), &labels());
    let zipped = tempfile::tempdir().unwrap();
    for (name, bytes) in [("images-idx3", images()), ("labels-idx1", labels())] {
        let file = std::fs::File::create(zipped.path().join(format!("t10k-{name}-ubyte.gz")));
        let mut encoder = GzEncoder::new(file.unwrap(), Compression::default());
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap();
    }
    for folder in [plain, zipped] {
        let data = open(folder.path(), [1, 1, 2]).unwrap();
        assert_eq!((data.len(), data.classes()), (3, None));
        let example = data.get(1).unwrap();
        assert_eq!((example.label, example.input.values()), (8, &[10, 11][..]));
        assert!(data.get(3).unwrap_err().to_string().contains("no input 3"));
    }
}

#[test]
fn a_truncation_anywhere_is_an_error() {
    for length in 0..images().len() {
        error(&images()[..length], &labels());
    }
    for length in 0..labels().len() {
        error(&images(), &labels()[..length]);
    }
}

#[test]
fn malformed_headers_are_named() {
    assert!(error(&idx(0x0801, &[3], &[1, 2, 3]), &labels()).contains("expected 0x00000803"));
    assert!(error(&images(), &images()).contains("expected 0x00000801"));
    let mut surplus = images();
    surplus.push(0);
    assert!(error(&surplus, &labels()).contains("more bytes"));
    assert!(error(&images(), &idx(0x0801, &[2], &[1, 2])).contains("2 labels for 3 images"));
    // A header that promises terabytes must not allocate them.
    let lying = idx(0x0803, &[u32::MAX, 1, 2], &[1, 2, 3]);
    assert!(error(&lying, &labels()).contains("3 bytes of data"));
    let overflowing = idx(0x0803, &[u32::MAX, u32::MAX, u32::MAX], &[1]);
    assert!(error(&overflowing, &labels()).contains("too many"));
    assert!(open(folder(&images(), &labels()).path(), [1, 2, 2]).unwrap_err().contains("1x1x2"));
}

#[test]
fn a_missing_or_broken_gzip_is_named() {
    let folder = folder(&images(), &labels());
    std::fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
    assert!(open(folder.path(), [1, 1, 2]).unwrap_err().contains("t10k-labels-idx1-ubyte"));
    std::fs::write(folder.path().join("t10k-labels-idx1-ubyte.gz"), b"no gzip").unwrap();
    assert!(open(folder.path(), [1, 1, 2]).unwrap_err().contains("labels-idx1-ubyte.gz"));
}

#[test]
fn an_image_folder_is_sorted_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (class, file, value) in [("b", "2.png", 5), ("b", "1.PNG", 4), ("a", "x.png", 3)] {
        std::fs::create_dir_all(folder.path().join(class)).unwrap();
        let image = GrayImage::from_pixel(2, 1, Luma([value]));
        image
            .save_with_format(folder.path().join(class).join(file), image::ImageFormat::Png)
            .unwrap();
    }
    std::fs::write(folder.path().join("b/notes.txt"), "left out").unwrap();
    let data = open(folder.path(), [1, 1, 2]).unwrap();
    assert_eq!(data.classes().unwrap(), ["a", "b"]);
    let found: Vec<(usize, i16)> = (0..data.len())
        .map(|index| data.get(index).unwrap())
        .map(|example| (example.label, example.input.values()[0]))
        .collect();
    assert_eq!(found, [(0, 3), (1, 4), (1, 5)]);
    std::fs::write(folder.path().join("a/x.png"), b"broken").unwrap();
    assert!(data.get(0).unwrap_err().to_string().contains("x.png"));
}

#[test]
fn an_empty_or_absent_folder_is_an_error() {
    let empty = tempfile::tempdir().unwrap();
    assert!(open(empty.path(), [1, 1, 2]).unwrap_err().contains("no data set"));
    assert!(open(&empty.path().join("absent"), [1, 1, 2]).unwrap_err().contains("no such folder"));
}
