//! CIFAR in its two versions (`cifar/generate.py` makes the python one).

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

/// Two images of 3x32x32 in CIFAR's binary layout: all `value`, then all `value` + 1.
fn cifar(labels: &[&[u8]], value: u8) -> Vec<u8> {
    let image = |(index, label): (usize, &&[u8])| [*label, &[value + index as u8; 3072]].concat();
    labels.iter().enumerate().flat_map(image).collect()
}

#[test]
fn cifar_in_its_binary_version() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let of_split = |split: &str| {
        let options = OpenOptions { split: split.to_owned(), ..OpenOptions::default() };
        open_with(folder.path(), [3, 32, 32], &options)
    };
    write("test_batch.bin", &cifar(&[&[3], &[9]], 7));
    let data = of_split("test").unwrap();
    let example = data.get(1).unwrap();
    assert_eq!((data.len(), example.label, example.input.values()[3071]), (2, Some(9), 8));
    assert!(data.classes().is_none());
    write("batches.meta.txt", b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
    assert_eq!(of_split("test").unwrap().classes().unwrap()[9], "j");
    assert!(of_split("train").unwrap_err().contains("data_batch_1.bin"));
    (1..=5).for_each(|batch| write(&format!("data_batch_{batch}.bin"), &cifar(&[&[0]], batch)));
    assert_eq!(of_split("train").unwrap().get(4).unwrap().input.values()[0], 5);
    assert!(of_split("all").unwrap_err().contains("test and train"));
    assert!(open(folder.path(), [1, 28, 28]).unwrap_err().contains("CIFAR images are 3x32x32"));
    write("test_batch.bin", &cifar(&[&[10]], 0));
    assert!(of_split("test").unwrap_err().contains("image 0 has label 10, expected below 10"));
    write("test_batch.bin", &cifar(&[&[1]], 0)[..3000]);
    assert!(of_split("test").unwrap_err().contains("3000 bytes, expected a multiple of 3073"));
}

#[test]
fn cifar_100_has_a_coarse_label_first() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("test.bin"), cifar(&[&[4, 99]], 0)).unwrap();
    let data = open(folder.path(), [3, 32, 32]).unwrap();
    assert_eq!((data.len(), data.get(0).unwrap().label), (1, Some(99)));
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cifar").join(name)
}

#[test]
fn cifar_in_its_python_version() {
    let cases = [
        ("cifar-10-batches-py", [3, 9], "class9", 0),
        ("cifar-100-python", [49, 99], "fine9", 1),
        ("repickled", [3, 9], "class9", 0),
        ("bytes-2", [3, 9], "class9", 0),
        ("bytes-5", [3, 9], "class9", 0),
    ];
    for (name, labels, ninth, first) in cases {
        let data = open(&fixture(name), [3, 32, 32]).unwrap();
        assert_eq!((data.len(), data.classes().unwrap()[9].as_str()), (2, ninth), "{name}");
        for (index, label) in labels.into_iter().enumerate() {
            let example = data.get(index).unwrap();
            assert_eq!(example.label, Some(label), "{name}");
            let value = |place: i16| ((3072 * index as i16 + place) / 12 + first) % 256;
            let expected: Vec<i16> = (0..3072).map(value).collect();
            assert_eq!(example.input.values(), expected, "{name}");
        }
    }
    assert!(open(&fixture("repickled"), [1, 32, 32]).unwrap_err().contains("3x32x32"));
}

#[test]
fn the_folder_into_which_torchvision_downloads_is_taken_for_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let put = |version: &str| {
        let to = folder.path().join(version);
        std::fs::create_dir(&to).unwrap();
        for file in std::fs::read_dir(fixture(version)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    put("cifar-10-batches-py");
    assert_eq!(open(folder.path(), [3, 32, 32]).unwrap().len(), 2);
    put("cifar-100-python");
    let problem = open(folder.path(), [3, 32, 32]).unwrap_err();
    assert!(problem.contains("cifar-10-batches-py, cifar-100-python found"), "{problem}");
}

#[test]
fn damaged_pickles_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test_batch");
    std::fs::copy(fixture("cifar-10-batches-py/batches.meta"), folder.path().join("batches.meta"))
        .unwrap();
    let whole = std::fs::read(fixture("cifar-10-batches-py/test_batch")).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&file, &whole[..length]).unwrap();
        let error = open(folder.path(), [3, 32, 32]).unwrap_err();
        assert!(error.contains("test_batch"), "{length} bytes: {error}");
    }
    // What is no pixel: the pickle's own bytes, none of which may end the run.
    let pixels = whole.len() - 2 * 3072;
    for place in (0..pixels.min(400)).chain(whole.len() - 200..whole.len()) {
        for flip in [0x01, 0x20, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] ^= flip;
            std::fs::write(&file, &bytes).unwrap();
            let _ = open(folder.path(), [3, 32, 32]);
        }
    }
    let deep = [vec![b']'; 1_000_000], vec![b'a'; 999_999], vec![b'.']].concat();
    std::fs::write(&file, [b"\x80\x02".to_vec(), deep].concat()).unwrap();
    assert!(open(folder.path(), [3, 32, 32]).is_err());
    std::fs::copy(fixture("cifar-100-python/test"), &file).unwrap();
    let error = open(folder.path(), [3, 32, 32]).unwrap_err();
    assert!(error.contains("no `labels` found, only"), "{error}");
}
