//! Whole data sets, good and broken, made in temporary folders.

use std::io::Write as _;
use std::path::Path;

use drs_core::lattice::{Given, Quantum, Shape};
use drs_data::{Dataset, InputSpec, OpenOptions};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{GrayImage, Luma};
use ndarray::{Array, Dimension, array};
use ndarray_npy::{WritableElement, WriteNpyExt as _};
use tempfile::TempDir;

fn spec(shape: [usize; 3]) -> InputSpec {
    InputSpec { shape: Shape::new(shape).unwrap(), quantum: Quantum::EIGHT_BIT, resize: None }
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

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(images: &[u8], labels: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t10k-images-idx3-ubyte.gz"), images).unwrap();
    std::fs::write(folder.path().join("t10k-labels-idx1-ubyte.gz"), labels).unwrap();
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
    let zipped = gzipped(&gzip(&images()), &gzip(&labels()));
    let members = [gzip(&images()[..7]), gzip(&images()[7..])].concat();
    let in_two_members = gzipped(&members, &gzip(&labels()));
    for folder in [plain, zipped, in_two_members] {
        let data = open(folder.path(), [1, 1, 2]).unwrap();
        assert_eq!((data.len(), data.classes()), (3, None));
        let example = data.get(1).unwrap();
        assert_eq!((example.label, example.input.values()), (Some(8), &[10, 11][..]));
        assert!(data.get(3).unwrap_err().to_string().contains("no input 3"));
        assert!(data.get(usize::MAX).is_err());
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
fn a_gzip_truncated_or_continued_anywhere_is_an_error_that_names_it() {
    let (images, labels) = (gzip(&images()), gzip(&labels()));
    for length in 0..images.len() {
        let message = open(gzipped(&images[..length], &labels).path(), [1, 1, 2]).unwrap_err();
        assert!(message.contains("t10k-images-idx3-ubyte.gz"), "{length} bytes: {message}");
    }
    let continued = [&images[..], b"more"].concat();
    assert!(open(gzipped(&continued, &labels).path(), [1, 1, 2]).is_err());
}

#[test]
fn no_damaged_bit_of_a_gzip_changes_values_unnoticed() {
    let (whole, labels) = (gzip(&images()), gzip(&labels()));
    for bit in 0..8 * whole.len() {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(data) = open(gzipped(&damaged, &labels).path(), [1, 1, 2]) {
            assert_eq!(data.get(1).unwrap().input.values(), [10, 11], "bit {bit}");
        }
    }
}

#[test]
fn the_split_chooses_the_files() {
    let folder = folder(&images(), &labels());
    let train = OpenOptions { split: "train".to_owned(), ..OpenOptions::default() };
    let open = || Dataset::open(folder.path(), spec([1, 1, 2]), &train);
    assert!(open().unwrap_err().to_string().contains("train-images-idx3-ubyte"));
    std::fs::write(folder.path().join("train-images-idx3-ubyte"), idx(0x0803, &[1, 1, 2], &[5, 6]))
        .unwrap();
    std::fs::write(folder.path().join("train-labels-idx1-ubyte"), idx(0x0801, &[1], &[4])).unwrap();
    assert_eq!(open().unwrap().get(0).unwrap().input.values(), [5, 6]);
}

#[test]
fn idx_needs_the_8_bit_quantum() {
    let folder = folder(&images(), &labels());
    let coarse = InputSpec { quantum: "1/15".parse().unwrap(), ..spec([1, 1, 2]) };
    let error = Dataset::open(folder.path(), coarse, &OpenOptions::default()).unwrap_err();
    assert!(error.to_string().contains("1/15"), "{error}");
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
    // The second product is 2^64 - 1, one byte more than which overflows.
    for dims in [[u32::MAX; 3], [u32::MAX, 641, 6_700_417]] {
        assert!(error(&idx(0x0803, &dims, &[1]), &labels()).contains("expects 1x1x2"));
    }
    assert!(error(&idx(0x0803, &[3, 0, 2], &[]), &labels()).contains("1x0x2"));
    assert!(error(&images(), &idx(0x0801, &[u32::MAX], &[1])).contains("1 bytes of data"));
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
    let found: Vec<(Option<usize>, i16)> = (0..data.len())
        .map(|index| data.get(index).unwrap())
        .map(|example| (example.label, example.input.values()[0]))
        .collect();
    assert_eq!(found, [(Some(0), 3), (Some(1), 4), (Some(1), 5)]);
    std::fs::write(folder.path().join("a/x.png"), b"broken").unwrap();
    assert!(data.get(0).unwrap_err().to_string().contains("x.png"));
}

#[test]
fn the_parts_of_an_image_folder_are_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (part, value) in [("train", 5), ("test", 6)] {
        let class = folder.path().join(part).join("cat");
        std::fs::create_dir_all(&class).unwrap();
        GrayImage::from_pixel(2, 1, Luma([value])).save(class.join("x.png")).unwrap();
    }
    for (part, value) in [("train", 5), ("test", 6)] {
        let options = OpenOptions { split: part.to_owned(), ..OpenOptions::default() };
        let data = Dataset::open(folder.path(), spec([1, 1, 2]), &options).unwrap();
        let example = data.get(0).unwrap();
        assert_eq!((example.label, example.input.values()[0]), (Some(0), value), "{part}");
    }
}

#[test]
fn an_empty_or_absent_folder_is_an_error() {
    let empty = tempfile::tempdir().unwrap();
    assert!(open(empty.path(), [1, 1, 2]).unwrap_err().contains("no data set"));
    assert!(open(&empty.path().join("absent"), [1, 1, 2]).unwrap_err().contains("no such folder"));
}

#[test]
fn class_folders_without_an_image_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let error = || open(folder.path(), [1, 1, 2]).unwrap_err();
    assert!(error().contains("neither a class folder nor an image"));
    std::fs::create_dir_all(folder.path().join("a/deeper.png")).unwrap();
    std::fs::write(folder.path().join("a/notes.txt"), "no image").unwrap();
    assert!(error().contains("1 class folder without an image"));
}

#[cfg(unix)]
#[test]
fn a_link_to_nowhere_keeps_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("a");
    std::fs::create_dir(&class).unwrap();
    std::os::unix::fs::symlink("nowhere.png", class.join("1.png")).unwrap();
    GrayImage::from_pixel(2, 1, Luma([9])).save(class.join("2.png")).unwrap();
    let data = open(folder.path(), [1, 1, 2]).unwrap();
    assert_eq!(data.len(), 2);
    assert!(data.get(0).unwrap_err().to_string().contains("1.png"));
    assert_eq!(data.get(1).unwrap().input.values(), [9, 9]);
}

#[test]
fn data_sets_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Dataset>();
}

fn npy<T: WritableElement, D: Dimension>(array: &Array<T, D>) -> Vec<u8> {
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).unwrap();
    bytes
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Two images of 3x1x2, channels last.
fn channels_last() -> Array<u8, ndarray::Ix4> {
    Array::from_shape_vec((2, 1, 2, 3), (0..12).collect()).unwrap()
}

#[test]
fn arrays_of_images_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.npz");
    let labels = npy(&array![5i64, 6]);
    std::fs::write(&file, npz(&[("x", npy(&channels_last())), ("y", labels.clone())])).unwrap();
    let data = open(&file, [3, 1, 2]).unwrap();
    let example = data.get(1).unwrap();
    assert_eq!((data.len(), example.label), (2, Some(6)));
    assert_eq!(example.input.values(), [6, 9, 7, 10, 8, 11], "planes of channels");
    // Floats in a folder, channels first, one channel without an axis of its own.
    std::fs::write(folder.path().join("labels.npy"), npy(&array![[1u8], [2]])).unwrap();
    let floats = array![[[0.0f64, 1.0]], [[0.2, 0.5]]];
    std::fs::write(folder.path().join("images.npy"), npy(&floats)).unwrap();
    let data = open(folder.path(), [1, 1, 2]).unwrap();
    assert_eq!(
        (data.get(0).unwrap().label, data.get(0).unwrap().input.values()),
        (Some(1), &[0, 255][..])
    );
    let given = |index| data.get(index).unwrap().input.given();
    assert_eq!((given(0), given(1)), (Given::NearLattice, Given::Real));
}

#[test]
fn arrays_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.npz");
    let error = |arrays: &[(&str, Vec<u8>)]| {
        std::fs::write(&file, npz(arrays)).unwrap();
        match open(&file, [3, 1, 2]) {
            Err(error) => error,
            Ok(data) => data.get(0).unwrap_err().to_string(),
        }
    };
    let images = || ("images", npy(&channels_last()));
    let none = error(&[images()]);
    assert!(none.contains("no labels, expected an array named labels or y"), "{none}");
    assert!(error(&[("labels", npy(&array![1u8, 2]))]).contains("no images"));
    let three = error(&[images(), ("labels", npy(&array![1u8, 2, 3]))]);
    assert!(three.contains("3 labels for 2 images"), "{three}");
    let turned = channels_last().into_shape_with_order((2, 2, 1, 3)).unwrap();
    let turned = error(&[("images", npy(&turned)), ("labels", npy(&array![1u8, 2]))]);
    assert!(turned.contains("shape [2, 2, 1, 3], expected [n, 3, 1, 2]"), "{turned}");
    assert!(error(&[images(), ("labels", npy(&array![1i32, -2]))]).contains("label 1 is -2"));
    assert!(error(&[images(), ("labels", npy(&array![0.5f32, 1.0]))]).contains("floats"));
    let wide = channels_last().mapv(i32::from);
    assert!(error(&[("images", npy(&wide)), ("labels", npy(&array![1u8, 2]))]).contains("uint8"));
    let bright = channels_last().mapv(f32::from);
    let bright = error(&[("images", npy(&bright)), ("labels", npy(&array![1u8, 2]))]);
    assert!(bright.contains("input 0") && bright.contains("outside [0, 1]"), "{bright}");
    let cut = npy(&channels_last())[..100].to_vec();
    assert!(error(&[("images", cut), ("labels", npy(&array![1u8, 2]))]).contains("images: "));
    std::fs::write(&file, b"no archive").unwrap();
    assert!(open(&file, [3, 1, 2]).unwrap_err().contains("data.npz"));
}
