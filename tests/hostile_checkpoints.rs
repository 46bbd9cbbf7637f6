//! Checkpoints and pickles of a megabyte at most that ask for a hundred gigabytes, or for no end of
//! nesting. They are read by the real binary, which gets 4 GiB of address space.
//!
//! Their readers take no more than 16 times a file's size and 16 MiB, which is far less than the
//! budget of memory where a file is small.

#![cfg(target_os = "linux")]

use std::io::{Cursor, Write as _};

use drs_tests::{Halfspaces, Place, Run, built, built_torch};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Address space of the binary, in KiB. libtorch alone maps one GiB.
const SPACE: u64 = 4 << 20;

fn limited(place: &Place, method: &str) -> Run {
    place.shell(&format!(
        "ulimit -v {SPACE}; exec {} certify --experts experts.toml --data data --labels none --method {method} --n 100 --out o.tsv",
        built().join("drs").display()
    ))
}

/// An error in words, not an end by a signal.
#[track_caller]
fn refused(run: &Run, words: &[&str]) {
    assert!(run.code == 1 || run.code == 3, "{run}");
    for words in words {
        assert!(run.stderr.contains(words), "no {words:?}\n{run}");
    }
    assert!(!run.stderr.contains("panicked"), "{run}");
}

/// A checkpoint that the torch plugin is to open.
#[track_caller]
fn checkpoint(bytes: &[u8], words: &[&str]) {
    built_torch();
    assert!(bytes.len() <= 1 << 20, "{}", bytes.len());
    let place = Place::new();
    place.write("weights", bytes);
    place.write(
        "experts.toml",
        "[input]\nshape = [3, 32, 32]\nquantum = \"1/255\"\n[[expert]]\nname = \"m\"\nplugin = \"torch\"\nconfig = { kind = \"checkpoint\", model = \"weights\", arch = \"cifar_resnet20\", sigma = 0.25, classes = 10 }\n",
    );
    place.write("data/a.pgm", "P6 32 32 255\n");
    refused(&limited(&place, "one:m"), &[&["weights"], words].concat());
}

/// Opcodes for a tensor in storage '1' of so many floats.
fn tensor(elements: u64, shape: &[u64], strides: &[u64]) -> Vec<u8> {
    let tuple = |sizes: &[u64]| {
        let sizes: String = sizes.iter().map(|size| format!("L{size}L\n")).collect();
        format!("({sizes}t")
    };
    let (shape, strides) = (tuple(shape), tuple(strides));
    format!(
        "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x011U\x03cpuL{elements}L\ntQI0\n{shape}{strides}I00\nNtR"
    )
    .into_bytes()
}

/// Opcodes for a dict of tensors with one.
fn dict(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02}U\x01w", value, b"s."].concat()
}

/// What `torch.save` writes; all of it zeros that compress well but for the pickle.
fn zip(pickle: &[u8], storage: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: &str, bytes: &[u8], zeros: usize| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
        let block = vec![0; 1 << 20];
        (0..zeros >> 20).for_each(|_| zip.write_all(&block).unwrap());
    };
    add("archive/data.pkl", pickle, 0);
    add("archive/byteorder", b"little", 0);
    add("archive/data/1", &[0; 4], storage);
    add("archive/version", b"3\n", 0);
    zip.finish().unwrap().into_inner()
}

/// The format before 1.6: magic number, version, machine, the object, the storages.
fn legacy(pickle: &[u8], elements: u64) -> Vec<u8> {
    let head = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    [&head[..], pickle, b"\x80\x02]U\x011a.", &elements.to_le_bytes(), &[0; 4]].concat()
}

#[test]
fn tensors_that_are_larger_than_their_file_are_refused() {
    let huge = 1 << 40;
    for (elements, shape, strides, words) in [
        (huge, &[huge][..], &[1][..], "expected 1099511627776 elements"),
        (1 << 61, &[huge], &[1], "expected 2305843009213693952 elements"),
        (1, &[huge], &[0], "far more than the file holds"),
        (1, &[1 << 20, 1 << 20], &[0, 0], "far more than the file holds"),
        (1, &[huge, huge], &[0, 0], "is outside its 1 elements"),
        (1, &[2], &[huge], "is outside its 1 elements"),
    ] {
        checkpoint(&zip(&dict(&tensor(elements, shape, strides)), 0), &["tensor `w`", words]);
    }
    for (elements, words) in [(huge, "truncated"), (1 << 61, "truncated")] {
        checkpoint(&legacy(&dict(&tensor(elements, &[huge], &[1])), elements), &[words]);
    }
    // One storage in many tensors: 20,000 times 500 KB, of which each is in the file.
    let first = [b"U\x01w", &tensor(125_000, &[125_000], &[1])[..], b"q\0"].concat();
    let more =
        (0..20_000u32).flat_map(|i| [&b"U\x05"[..], format!("{i:05}").as_bytes(), b"h\0"].concat());
    let many = [b"\x80\x02}(", &first[..], &more.collect::<Vec<_>>(), b"u."].concat();
    let many = [legacy(&many, 125_000), vec![0; 499_996]].concat();
    checkpoint(&many, &["far more than the file holds"]);
}

#[test]
fn archives_that_unfold_without_end_are_refused() {
    let plain = dict(&tensor(1, &[1], &[1]));
    checkpoint(&zip(&plain, 900 << 20), &["its data would unfold to more than"]);
    let mut pickle = dict(b"N");
    pickle.truncate(pickle.len() - 1);
    pickle.extend(vec![b'N'; 500 << 20]);
    checkpoint(&zip(&pickle, 0), &["its data would unfold to more than"]);
    // A directory of more entries than there are bytes, as a large archive tells it.
    let mut bytes = zip(&plain, 0);
    let end = bytes.len() - 22;
    let at = end as u64;
    let directory = bytes[end + 12..end + 20].to_vec();
    let (size, start) = (&directory[..4], &directory[4..]);
    let mut large = [b"PK\x06\x06", &44u64.to_le_bytes()[..], &[45, 0, 45, 0], &[0; 8]].concat();
    large.extend([(1u64 << 60).to_le_bytes(), (1u64 << 60).to_le_bytes()].concat());
    large.extend([size, &[0; 4], start, &[0; 4]].concat());
    large.extend([b"PK\x06\x07", &[0; 4][..], &at.to_le_bytes(), &1u32.to_le_bytes()].concat());
    bytes.splice(end..end, large);
    let end = bytes.len() - 22;
    bytes[end + 8..end + 20].fill(0xff);
    checkpoint(&bytes, &["damaged"]);
}

#[test]
fn pickles_that_double_without_end_are_refused() {
    // 2^60 leaves, in ten bytes each time: tuples, lists, and dicts of themselves.
    let doubled = |open: &str, close: &str| {
        let once = |place: u8| {
            let (from, to) = (char::from(place), char::from(place + 1));
            format!("{open}h{from}h{from}{close}q{to}0")
        };
        let all: String = (0..60).map(once).collect();
        [b"\x80\x02}U\x01w(tq\x000", all.as_bytes(), b"h\x3cs."].concat()
    };
    for bytes in [doubled("(", "t"), doubled("(", "l"), doubled("(", "d")] {
        checkpoint(&zip(&bytes, 0), &["holds no state dict"]);
    }
    let deep = [b"\x80\x02}U\x01w", &vec![b']'; 400_000][..], &vec![b'a'; 399_999], b"s."].concat();
    checkpoint(&zip(&deep, 0), &["holds no state dict"]);
}

/// A safetensors file with a header of this text, which may tell another length.
fn safetensors(header: &str, length: Option<u64>) -> Vec<u8> {
    let length = length.unwrap_or(header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &[0; 16]].concat()
}

#[test]
fn headers_of_safetensors_that_lie_are_refused() {
    let header = |shape: &str, end: &str| {
        format!("{{\"w\":{{\"dtype\":\"F32\",\"shape\":[{shape}],\"data_offsets\":[0,{end}]}}}}")
    };
    let plain = header("4", "16");
    checkpoint(&safetensors(&plain, None), &["missing"]);
    for length in [1 << 31, u64::from(u32::MAX), 99_000_000] {
        checkpoint(&safetensors(&plain, Some(length)), &["safetensors"]);
    }
    for length in [1 << 40, u64::MAX] {
        checkpoint(&safetensors(&plain, Some(length)), &["of an unknown format"]);
    }
    let huge = (1u64 << 40).to_string();
    for (shape, end) in [
        (huge.as_str(), huge.as_str()),
        (&huge, "16"),
        (&format!("{huge},{huge}"), "16"),
        (&format!("{huge},{huge},0"), "16"),
        ("4", &u64::MAX.to_string()),
    ] {
        checkpoint(&safetensors(&header(shape, end), None), &["safetensors"]);
    }
    let deep = format!("{{\"w\":{}", "[".repeat(500_000));
    checkpoint(&safetensors(&deep, None), &["safetensors"]);
    // Ten thousand tensors, all of the same bytes.
    let one = "{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}";
    let many: Vec<String> = (0..10_000).map(|place| format!("\"{place}\":{one}")).collect();
    checkpoint(&safetensors(&format!("{{{}}}", many.join(",")), None), &["safetensors"]);
}

/// CIFAR's python version, whose one batch is this pickle.
#[track_caller]
fn cifar(bytes: &[u8], words: &[&str]) {
    assert!(bytes.len() <= 1 << 20, "{}", bytes.len());
    let place = Place::new();
    let pool =
        Halfspaces { shape: [3, 32, 32], experts: vec![("near", 0.25, 0, 99.5)], router: None };
    place.write("experts.toml", pool.toml());
    place.write("data/test_batch", bytes);
    place.write("data/batches.meta", b"\x80\x02}.");
    refused(&limited(&place, "one:near"), &[&["test_batch"], words].concat());
}

#[test]
fn pickles_of_cifar_that_name_one_value_again_and_again_are_refused() {
    let again = |value: &[u8], count: u32| {
        let entries = (0..count)
            .flat_map(|key| [&b"U\x05"[..], format!("{key:05}").as_bytes(), b"h\0"].concat());
        [b"\x80\x02", value, b"q\x000}(", &entries.collect::<Vec<_>>()[..], b"u."].concat()
    };
    // A list of 200,000 numbers, a list of texts, a text, an array: each in 60,000 places.
    let list = [b"](K\x01", &vec![b'2'; 199_999][..], b"e"].concat();
    cifar(&again(&list, 60_000), &["far more than the file holds"]);
    let text = [b"X", &400_000u32.to_le_bytes()[..], &vec![b'a'; 400_000]].concat();
    let texts = [b"](", &text[..], &vec![b'2'; 200_000], b"e"].concat();
    cifar(&again(&texts, 1), &["far more than the file holds"]);
    let array = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\0K\x01\x85K\0\x89";
    let array = [&array[..], &text, b"tb"].concat();
    cifar(&again(&array, 40_000), &["far more than the file holds"]);
    let deep = [b"\x80\x02", &vec![b']'; 400_000][..], &vec![b'a'; 399_999], b"."].concat();
    cifar(&deep, &["expected a dict"]);
}
