//! Parquet files, whole and broken (`parquet/generate.py`).

use std::path::Path;

use drs_core::lattice::{Quantum, Shape};
use drs_data::{Dataset, InputSpec, OpenOptions};

fn open(path: &Path, shape: [usize; 3]) -> Result<Dataset, String> {
    let shape = Shape::new(shape).unwrap();
    let spec = InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    Dataset::open(path, spec, &OpenOptions::default()).map_err(|error| error.to_string())
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
    // As a folder of shards, and in `data`.
    let folder = tempfile::tempdir().unwrap();
    for place in ["", "data"] {
        let place = folder.path().join(place);
        std::fs::create_dir_all(&place).unwrap();
        for shard in
            ["test-00000-of-00002", "test-00001-of-00002", "testing", "train-00000-of-00001"]
        {
            let file = place.join(format!("{shard}.parquet"));
            std::fs::copy(parquet("hub.parquet"), file).unwrap();
        }
    }
    assert_eq!(check(folder.path()), 8);
    std::fs::remove_file(folder.path().join("test-00000-of-00002.parquet")).unwrap();
    std::fs::remove_file(folder.path().join("test-00001-of-00002.parquet")).unwrap();
    assert_eq!(check(folder.path()), 8);
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
