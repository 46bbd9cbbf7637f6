//! SVHN's cropped digits: files of SciPy (`svhn/generate.py`), of MATLAB's own kind, and broken ones.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, Labels, OpenOptions};
use flate2::Compression;
use flate2::write::ZlibEncoder;

fn open(path: &Path, shape: [usize; 3], split: &str) -> Result<Dataset, String> {
    let shape = Shape::new(shape).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let options = OpenOptions { split: split.to_owned(), ..OpenOptions::default() };
    Dataset::open(path, spec, &options).map_err(|error| error.to_string())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/svhn")
}

#[test]
fn files_of_scipy_plain_and_compressed() {
    let check = |data: Dataset| {
        let labels: Vec<_> = (0..data.len()).map(|index| data.label(index)).collect();
        assert_eq!(labels, [Some(0), Some(1), Some(9)], "10 is the digit 0");
        for image in 0..3 {
            let values = data.get(image).unwrap().input.values().to_vec();
            for (place, value) in values.into_iter().enumerate() {
                let (channel, row, column) = (place / 1024, place % 1024 / 32, place % 32);
                let expected = (row + 2 * column) % 97 + 50 * channel + 10 * image;
                assert_eq!(value as usize, expected, "image {image}, place {place}");
            }
        }
    };
    check(open(&folder(), [3, 32, 32], "test").unwrap());
    check(open(&folder(), [3, 32, 32], "train").unwrap());
    check(open(&folder().join("train_32x32.mat"), [3, 32, 32], "test").unwrap());
    let error = open(&folder(), [3, 32, 32], "extra").unwrap_err();
    assert!(error.contains("no split extra, found test, train"), "{error}");
    let error = open(&folder(), [3, 32, 16], "test").unwrap_err();
    assert!(error.contains("[32, 32, 3, 3], expected [32, 16, 3, n]"), "{error}");
}

/// Writes elements in one byte order, as MATLAB does.
#[derive(Clone, Copy)]
struct Matlab {
    big_endian: bool,
}

impl Matlab {
    fn word(self, word: u32) -> [u8; 4] {
        if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() }
    }

    /// Few bytes stand in the tag, as MATLAB has them.
    fn element(self, kind: u32, data: &[u8]) -> Vec<u8> {
        let size = u32::try_from(data.len()).unwrap();
        let (mut bytes, room) = if (1..=4).contains(&size) {
            (self.word(size << 16 | kind).to_vec(), 4)
        } else {
            ([self.word(kind), self.word(size)].concat(), data.len().next_multiple_of(8))
        };
        bytes.extend(data);
        bytes.resize(bytes.len() + room - data.len(), 0);
        bytes
    }

    fn array(self, class: u32, name: &str, shape: &[u32], kind: u32, data: &[u8]) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|w| self.word(*w)).collect::<Vec<u8>>();
        let body = [
            self.element(6, &words(&[class, 0])),
            self.element(5, &words(shape)),
            self.element(1, name.as_bytes()),
            self.element(kind, data),
        ];
        let body = body.concat();
        [&words(&[14, u32::try_from(body.len()).unwrap()])[..], &body].concat()
    }

    fn compressed(self, element: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(element).unwrap();
        let bytes = encoder.finish().unwrap();
        let size = u32::try_from(bytes.len()).unwrap();
        [&self.word(15)[..], &self.word(size), &bytes].concat()
    }

    fn file(self, elements: &[Vec<u8>]) -> Vec<u8> {
        let mut head = b"MATLAB 5.0 MAT-file".to_vec();
        head.resize(124, b' ');
        head.extend(if self.big_endian { *b"\x01\x00MI" } else { *b"\x00\x01IM" });
        [head, elements.concat()].concat()
    }

    /// Two images of 2x1 with one channel; the labels are doubles kept in bytes.
    fn digits(self) -> [Vec<u8>; 2] {
        let images = self.array(9, "X", &[2, 1, 1, 2], 2, &[1, 2, 3, 4]);
        [images, self.array(6, "y", &[2, 1], 2, &[10, 7])]
    }
}

/// The label and the values of an input.
type Digit = (Option<usize>, Vec<i16>);

fn read(bytes: &[u8]) -> Result<Vec<Digit>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("digits.mat");
    std::fs::write(&path, bytes).unwrap();
    let data = open(&path, [1, 2, 1], "test")?;
    let of = |index| {
        let example = data.get(index).unwrap();
        (example.label, example.input.values().to_vec())
    };
    Ok((0..data.len()).map(of).collect())
}

#[test]
fn files_of_matlab_in_both_byte_orders() {
    for big_endian in [false, true] {
        let matlab = Matlab { big_endian };
        let [x, y] = matlab.digits();
        let expected = vec![(Some(0), vec![1, 2]), (Some(7), vec![3, 4])];
        assert_eq!(read(&matlab.file(&[x.clone(), y.clone()])).unwrap(), expected);
        let compressed = [matlab.compressed(&y), matlab.compressed(&x)];
        assert_eq!(read(&matlab.file(&compressed)).unwrap(), expected);
        // A cell, a text and other numbers may stand beside them.
        let other = matlab.array(1, "cell", &[1, 1], 14, &[0; 16]);
        let text = matlab.array(4, "note", &[1, 2], 4, &[65, 0, 66, 0]);
        assert_eq!(read(&matlab.file(&[other, x, text, y])).unwrap(), expected);
    }
}

#[test]
fn what_is_no_such_file_is_named() {
    let matlab = Matlab { big_endian: false };
    let [x, y] = matlab.digits();
    let error = |elements: &[Vec<u8>]| read(&matlab.file(elements)).unwrap_err();
    assert!(error(std::slice::from_ref(&y)).contains("no array X, found y"));
    assert!(error(std::slice::from_ref(&x)).contains("no array y, found X"));
    let wide = matlab.array(9, "X", &[2, 1, 1, 2], 9, &[0; 32]);
    assert!(error(&[wide, y.clone()]).contains("expected uint8"));
    let wrong = matlab.array(9, "y", &[2, 1], 2, &[1, 11]);
    assert!(error(&[x.clone(), wrong]).contains("image 1 has label 11, expected 1 to 10"));
    let half = matlab.array(6, "y", &[1, 1], 9, &0.5f64.to_le_bytes());
    assert!(error(&[x.clone(), half]).contains("expected whole numbers"));
    let one = matlab.array(6, "y", &[1, 1], 2, &[1]);
    assert!(error(&[x.clone(), one]).contains("1 labels for 2 images"));
    let lying = matlab.array(9, "X", &[2, 1, 1, 4_000_000_000], 2, &[1, 2, 3, 4]);
    assert!(error(&[lying, y.clone()]).contains("X has 4 bytes for"));
    let mut promising = x.clone();
    promising[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(error(&[promising]).contains("cut short"));
    let mut newer = matlab.file(&[x.clone(), y.clone()]);
    newer[124..126].copy_from_slice(&[0, 2]);
    assert!(read(&newer).unwrap_err().contains("version 7.3"));
    assert!(read(b"text").unwrap_err().contains("no MATLAB file"));
}

#[test]
fn every_truncation_is_an_error_and_no_damage_ends_a_run() {
    let matlab = Matlab { big_endian: false };
    let [x, y] = matlab.digits();
    let plain = matlab.file(&[x.clone(), y.clone()]);
    let compressed = matlab.file(&[matlab.compressed(&x), matlab.compressed(&y)]);
    for whole in [&plain, &compressed] {
        for length in 0..whole.len() {
            let error = read(&whole[..length]).unwrap_err();
            assert!(error.contains("digits.mat"), "{length} bytes: {error}");
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x81;
            drop(read(&damaged));
        }
    }
    // Compressed values have a checksum.
    let right = read(&compressed).unwrap();
    for bit in 8 * 128..8 * compressed.len() {
        let mut damaged = compressed.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(found) = read(&damaged) {
            assert_eq!(found, right, "bit {bit}");
        }
    }
}

#[test]
fn labels_may_be_left_out() {
    let shape = Shape::new([3, 32, 32]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let options = OpenOptions { labels: Labels::None, ..OpenOptions::default() };
    let data = Dataset::open(&folder(), spec, &options).unwrap();
    assert_eq!((data.len(), data.label(0)), (3, None));
}
