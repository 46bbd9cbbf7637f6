//! Parquet files, whole and broken (`parquet/generate.py`).

use std::path::Path;

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, OpenOptions};

fn open(path: &Path, shape: [usize; 3]) -> Result<Dataset, String> {
    open_with(path, shape, &OpenOptions::default())
}

fn open_with(path: &Path, shape: [usize; 3], options: &OpenOptions) -> Result<Dataset, String> {
    let shape = Shape::new(shape).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    Dataset::open(path, spec, options).map_err(|error| error.to_string())
}

/// A folder with copies of hub.parquet under these names.
fn copies(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::copy(parquet("hub.parquet"), file).unwrap();
    }
    folder
}

/// The number of inputs of a split and a configuration, of 4 for each file.
fn files(folder: &Path, split: &str, configuration: Option<&str>) -> Result<usize, String> {
    let options = OpenOptions {
        split: split.to_owned(),
        configuration: configuration.map(str::to_owned),
        ..OpenOptions::default()
    };
    open_with(folder, [3, 2, 3], &options).map(|data| data.len() / 4)
}

fn parquet(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet").join(name)
}

#[test]
fn parquet_files_of_the_hugging_face_hub() {
    let check = |path: &Path| {
        let data = open(path, [3, 2, 3]).unwrap();
        assert_eq!(data.classes().unwrap(), ["cat", "dog", "owl"]);
        let example = data.get(2).unwrap();
        assert_eq!((data.len() % 4, example.label), (0, Some(2)));
        assert_eq!(example.input.values()[..7], [20, 20, 20, 20, 20, 20, 21]);
        data.len()
    };
    assert_eq!(check(&parquet("hub.parquet")), 4);
    let names = [
        "test-00000-of-00002.parquet",
        "test-00001-of-00002.parquet",
        "testing.parquet",
        "train-00000-of-00001.parquet",
    ];
    assert_eq!(check(copies(&names).path()), 8);
    assert_eq!(
        check(copies(&names.map(|name| format!("data/{name}")).each_ref().map(|n| &**n)).path()),
        8
    );
}

#[test]
fn splits_of_the_hub_are_chosen_by_their_names() {
    let folder = copies(&[
        "README.parquet/x.txt",
        "data/train-00000-of-00001-a09b74b3ef9c3b56.parquet",
        "data/validation-00000-of-00002.parquet",
        "data/validation-00001-of-00002.parquet",
        ".cache/other/test.parquet",
    ]);
    assert_eq!(files(folder.path(), "train", None), Ok(1));
    assert_eq!(files(folder.path(), "train", Some("default")), Ok(1));
    for name in ["validation", "val"] {
        assert_eq!(files(folder.path(), name, None), Ok(2));
    }
    let error = files(folder.path(), "test", None).unwrap_err();
    assert!(error.contains("no split test, found train, validation"), "{error}");
    // A shard that is missing would shift all later indices.
    std::fs::remove_file(folder.path().join("data/validation-00000-of-00002.parquet")).unwrap();
    let error = files(folder.path(), "val", None).unwrap_err();
    assert!(error.contains("1 of 2 files found, numbers 0 of 0 to 1 are missing"), "{error}");
}

#[test]
fn configurations_are_chosen_or_listed() {
    let one = copies(&["plain_text/test-00000-of-00001.parquet"]);
    assert_eq!(files(one.path(), "test", None), Ok(1));
    let two = copies(&[
        "en/test-00000-of-00001.parquet",
        "de/test/0000.parquet",
        "de/test/0001.parquet",
        "de/train/0000.parquet",
    ]);
    let error = files(two.path(), "test", None).unwrap_err();
    assert!(error.contains("choose one with --configuration (de, en)"), "{error}");
    assert_eq!(files(two.path(), "test", Some("de")), Ok(2));
    assert_eq!(files(two.path(), "train", Some("de")), Ok(1));
    assert_eq!(files(two.path(), "test", Some("en")), Ok(1));
    let error = files(two.path(), "test", Some("fr")).unwrap_err();
    assert!(error.contains("--configuration fr found, expected one of de, en"), "{error}");
    assert!(files(two.path(), "train", Some("en")).unwrap_err().contains("found test"));
    // The folder of one configuration, and of one split.
    assert_eq!(files(&two.path().join("de"), "test", None), Ok(2));
    assert_eq!(files(&two.path().join("de/test"), "test", None), Ok(2));
    let mixed = copies(&["data/test-00000-of-00001.parquet", "en/test-00000-of-00001.parquet"]);
    assert!(files(mixed.path(), "test", None).unwrap_err().contains("(default, en)"));
}

#[test]
fn columns_of_other_names_are_found_by_their_kinds() {
    let data = open(&parquet("other.parquet"), [3, 2, 3]).unwrap();
    assert_eq!((data.len(), data.classes().unwrap().len()), (4, 3));
    let labels: Vec<_> = (0..4).map(|index| data.label(index).unwrap()).collect();
    assert_eq!(labels, [2, 1, 0, 1]);
    assert_eq!(data.get(3).unwrap().input.values()[0], 30);
    // One row without an image is one input that cannot be read.
    let error = data.get(1).unwrap_err().to_string();
    assert!(error.contains("row 1") && error.contains("not here"), "{error}");
}

#[test]
fn images_are_read_by_groups_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    for shard in 0..2 {
        let name = format!("test-0000{shard}-of-00002.parquet");
        std::fs::copy(parquet("groups.parquet"), folder.path().join(name)).unwrap();
    }
    let data = open(folder.path(), [3, 2, 3]).unwrap();
    assert_eq!((data.len(), data.classes()), (18, None));
    let first = |index: usize| data.get(index).unwrap().input.values()[0];
    for index in (0..18).chain([17, 0, 9, 8, 1, 16]).chain((0..18).rev()) {
        let row = index % 9;
        assert_eq!((data.label(index), first(index)), (Some(row), 10 * row as i16), "{index}");
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..18).for_each(|index| assert_eq!(first(index), 10 * (index % 9) as i16))
            });
        }
    });
    assert!(data.get(18).unwrap_err().to_string().contains("no input 18, it holds 18"));
    // Images are read where they are asked for: a file that is gone is an error of its inputs.
    std::fs::remove_file(folder.path().join("test-00001-of-00002.parquet")).unwrap();
    assert_eq!(first(3), 30);
    assert!(data.get(9).unwrap_err().to_string().contains("test-00001-of-00002.parquet: row 0"));
}

#[test]
fn parquet_files_that_do_not_fit_are_named() {
    let paths = open(&parquet("paths.parquet"), [3, 2, 3]).unwrap_err();
    assert!(paths.contains("row 0") && paths.contains("not here"), "{paths}");
    let data = open(&parquet("hub.parquet"), [3, 2, 2]).unwrap();
    let shape = data.get(1).unwrap_err().to_string();
    assert!(shape.contains("hub.parquet") && shape.contains("row 1"), "{shape}");
    assert!(shape.contains("2x3 (height x width), expected 2x2"), "{shape}");
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(parquet("hub.parquet")).unwrap();
    let file = folder.path().join("cut.parquet");
    for length in [0, 3, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        assert!(open(&file, [3, 2, 3]).unwrap_err().contains("cut.parquet"), "{length} bytes");
    }
}

#[test]
fn damage_anywhere_in_a_parquet_file_ends_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("damaged.parquet");
    let whole = std::fs::read(parquet("hub.parquet")).unwrap();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= [0x01, 0x80, 0xff][place % 3];
        std::fs::write(&file, &bytes).unwrap();
        if let Ok(data) = open(&file, [3, 2, 3]) {
            (0..data.len().min(10)).for_each(|index| drop(data.get(index)));
        }
    }
}
