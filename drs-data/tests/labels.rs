//! Where labels come from.

use std::path::{Path, PathBuf};

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, Labels, OpenOptions};
use image::{GrayImage, Luma};
use ndarray::array;
use ndarray_npy::WriteNpyExt as _;
use tempfile::TempDir;

/// `a.png`, `b.png` and `c.png` of one row and two pixels, and a place for labels.
fn images() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("images")).unwrap();
    for (name, value) in [("b", 2), ("a", 1), ("c", 3)] {
        let image = GrayImage::from_pixel(2, 1, Luma([value]));
        image.save(folder.path().join(format!("images/{name}.png"))).unwrap();
    }
    folder
}

fn open(path: &Path, labels: Labels) -> Result<Dataset, String> {
    let shape = Shape::new([1, 1, 2]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let options = OpenOptions { labels, ..OpenOptions::default() };
    Dataset::open(path, spec, &options).map_err(|error| error.to_string())
}

fn with(folder: &TempDir, name: &str, text: &str) -> Result<Vec<Option<usize>>, String> {
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    open(&folder.path().join("images"), Labels::File(file)).map(|data| labels(&data))
}

fn labels(data: &Dataset) -> Vec<Option<usize>> {
    (0..data.len()).map(|index| data.get(index).unwrap().label).collect()
}

#[test]
fn a_table_names_the_images() {
    let folder = images();
    let expected = Ok(vec![Some(4), Some(5), Some(6)]);
    let table = "class,label,image\nx,6,images/c.png\ny,4,images/a.png\nz,5,images/b.png\n";
    assert_eq!(with(&folder, "labels.csv", table), expected, "by their files' names");
    let table = "file\tlabel\nc.png\t6\nspare.png\t9\na.png\t4\nb.png\t5\n";
    assert_eq!(with(&folder, "labels.tsv", table), expected);
}

#[test]
fn plain_labels_follow_the_order_of_the_inputs() {
    let folder = images();
    let expected = vec![Some(4), Some(5), Some(6)];
    assert_eq!(with(&folder, "labels.txt", "4\n5\n 6 \n\n").unwrap(), expected);
    let file = folder.path().join("labels.npy");
    array![4i64, 5, 6].write_npy(std::fs::File::create(&file).unwrap()).unwrap();
    let data = open(&folder.path().join("images"), Labels::File(file)).unwrap();
    assert_eq!(labels(&data), expected);
}

#[test]
fn what_is_wrong_with_labels_is_named() {
    let folder = images();
    let error = |name: &str, text: &str| with(&folder, name, text).unwrap_err();
    let cases = [
        ("l.txt", "1\n2\n", "2 labels for 3 inputs"),
        ("l.txt", "1\ntwo\n3\n", "line 2: the label \"two\" found among numbers"),
        ("l.csv", "image,kind\n", "a column named label or class"),
        ("l.csv", "picture,label\n", "a column named image or file"),
        ("l.csv", "image,label\na.png,1\nb.png,2\n", "no label for the input c.png"),
        ("l.csv", "image,label\na.png,1\na.png,2\n", "line 3: a.png again, as in line 2"),
        ("l.csv", "image,label\na.png,\n", "line 2: no label for a.png"),
        ("l.npy", "no array", "not a readable .npy"),
    ];
    for (name, text, expected) in cases {
        let error = error(name, text);
        assert!(error.contains(expected) && error.contains(name), "{error}");
    }
    let absent = open(&folder.path().join("images"), Labels::File("absent.csv".into()));
    assert!(absent.unwrap_err().contains("absent.csv: No such file"));
}

#[test]
fn two_numbers_in_a_line_are_no_label() {
    let folder = images();
    let problem = with(&folder, "two.txt", "00 1\n01 0\n02 1\n").unwrap_err();
    assert!(problem.contains("several numbers") && problem.contains("extensions"), "{problem}");
}

#[test]
fn without_labels_one_must_say_so() {
    let folder = images();
    let path = folder.path().join("images");
    let error = open(&path, Labels::Own).unwrap_err();
    assert!(error.contains("--labels none"), "{error}");
    let data = open(&path, "none".parse().unwrap()).unwrap();
    assert_eq!((labels(&data), data.classes()), (vec![None; 3], None));
    assert_eq!(data.get(1).unwrap().name, "b.png");
}

#[test]
fn labels_of_class_folders_can_be_replaced_by_index_or_name() {
    let folder = images();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::rename(folder.path().join("images/c.png"), folder.path().join("other/a.png")).unwrap();
    let own = open(folder.path(), Labels::Own).unwrap();
    assert_eq!(labels(&own), [Some(0), Some(0), Some(1)]);
    assert_eq!(labels(&open(folder.path(), Labels::None).unwrap()), [None; 3]);
    let file: PathBuf = folder.path().join("labels.csv");
    let table = "image,label\nimages/a.png,other\nimages/b.png,other\nother/a.png,images\n";
    std::fs::write(&file, table).unwrap();
    let data = open(folder.path(), Labels::File(file.clone())).unwrap();
    assert_eq!(labels(&data), [Some(1), Some(1), Some(0)]);
    std::fs::write(&file, "image,label\na.png,0\nb.png,1\n").unwrap();
    let error = open(folder.path(), Labels::File(file)).unwrap_err();
    assert!(
        error.contains("no label for the input images/a.png"),
        "two files of that name: {error}"
    );
}

#[test]
fn arrays_need_no_labels() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("images.npy")).unwrap();
    array![[[1u8, 2]], [[3, 4]]].write_npy(file).unwrap();
    assert!(open(folder.path(), Labels::Own).unwrap_err().contains("--labels"));
    assert_eq!(labels(&open(folder.path(), Labels::None).unwrap()), [None; 2]);
    let table = folder.path().join("labels.csv");
    std::fs::write(&table, "idx,label\n1,7\n0,8\n").unwrap();
    assert_eq!(labels(&open(folder.path(), Labels::File(table)).unwrap()), [Some(8), Some(7)]);
}
