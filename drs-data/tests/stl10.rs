//! STL-10's binary version, written as its authors describe it.

use std::path::Path;

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, Labels, OpenOptions};
use tempfile::TempDir;

fn open(path: &Path, side: usize, split: &str, labels: Labels) -> Result<Dataset, String> {
    let shape = Shape::new([3, side, side]).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let options = OpenOptions { split: split.to_owned(), labels, ..OpenOptions::default() };
    Dataset::open(path, spec, &options).map_err(|error| error.to_string())
}

/// The value of a pixel.
fn pixel(image: usize, channel: usize, row: usize, column: usize) -> u8 {
    (100 * image + 50 * channel + 2 * row + column % 7) as u8
}

/// Channels one after the other, each column by column.
fn bytes(images: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for image in 0..images {
        for channel in 0..3 {
            for column in 0..96 {
                bytes.extend((0..96).map(|row| pixel(image, channel, row, column)));
            }
        }
    }
    bytes
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("stl10_binary");
    std::fs::create_dir(&below).unwrap();
    std::fs::write(below.join("test_X.bin"), bytes(2)).unwrap();
    std::fs::write(below.join("test_y.bin"), [10, 1]).unwrap();
    std::fs::write(below.join("unlabeled_X.bin"), bytes(1)).unwrap();
    let names: Vec<String> = (0..10).map(|class| format!("class {class}\n")).collect();
    std::fs::write(below.join("class_names.txt"), names.concat()).unwrap();
    folder
}

#[test]
fn images_are_turned_and_labels_count_from_one() {
    let folder = folder();
    for path in [folder.path().to_owned(), folder.path().join("stl10_binary")] {
        let data = open(&path, 96, "test", Labels::Own).unwrap();
        assert_eq!((data.len(), data.label(0), data.label(1)), (2, Some(9), Some(0)));
        assert_eq!(data.classes().unwrap()[9], "class 9");
        let values = data.get(1).unwrap().input.values().to_vec();
        for (place, value) in values.into_iter().enumerate() {
            let expected = pixel(1, place / 9216, place % 9216 / 96, place % 96);
            assert_eq!(value, i16::from(expected), "place {place}");
        }
    }
    assert_eq!(open(folder.path(), 96, "unlabeled", Labels::None).unwrap().len(), 1);
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = folder();
    let error = |split: &str| open(folder.path(), 96, split, Labels::Own).unwrap_err();
    assert!(error("train").contains("no split train, found test, unlabeled"));
    let unlabeled = error("unlabeled");
    assert!(unlabeled.contains("unlabeled_y.bin") && unlabeled.contains("--labels"), "{unlabeled}");
    let small = open(folder.path(), 32, "test", Labels::Own).unwrap_err();
    assert!(small.contains("3x96x96, experts.toml expects 3x32x32"), "{small}");
    let below = folder.path().join("stl10_binary");
    for label in [0, 11] {
        std::fs::write(below.join("test_y.bin"), [1, label]).unwrap();
        let wrong = error("test");
        assert!(wrong.contains(&format!("image 1 has label {label}, expected 1 to 10")), "{wrong}");
    }
    std::fs::write(below.join("test_y.bin"), [1]).unwrap();
    assert!(error("test").contains("1 labels for 2 images"));
    std::fs::write(below.join("test_X.bin"), &bytes(2)[1..]).unwrap();
    assert!(error("test").contains("expected a multiple of 27648"));
}
