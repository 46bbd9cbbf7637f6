//! One file for each thing that can be wrong, and what the error says.

use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use drs_checkpoint::{Checkpoint, read};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn parse(bytes: &[u8]) -> Result<Checkpoint, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    fs::write(&path, bytes).unwrap();
    read(&path).map_err(|error| {
        assert_eq!(error.path(), path);
        error.to_string()
    })
}

#[track_caller]
fn assert_error(bytes: &[u8], expected: &str) {
    let error = parse(bytes).expect_err(expected);
    assert!(error.contains("x.pth: "), "{error}");
    assert!(error.contains(expected), "{error}\nlacks: {expected}");
}

/// The legacy format around a pickled object; storage '1', if any, has the given floats.
fn legacy(object: &[u8], floats: &[f32]) -> Vec<u8> {
    let start = [HEAD, b"\x80\x02}.\x80\x02", object, b"."].concat();
    if floats.is_empty() {
        return [&start[..], b"\x80\x02]."].concat();
    }
    let data: Vec<u8> = floats.iter().flat_map(|f| f.to_le_bytes()).collect();
    let count = (floats.len() as u64).to_le_bytes();
    [&start[..], b"\x80\x02]U\x011a.", &count, &data].concat()
}

/// Magic number and version.
const HEAD: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";

/// Opcodes for a tensor in storage '1' of so many floats.
fn tensor(elements: usize, offset: i64, shape: &str, strides: &str) -> Vec<u8> {
    format!(
        "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x011U\x03cpuI{elements}\nNtQI{offset}\n({shape}t({strides}tI00\nNtR"
    )
    .into_bytes()
}

/// Opcodes for `{"w": value}`.
fn dict(value: &[u8]) -> Vec<u8> {
    [b"}U\x01w", value, b"s"].concat()
}

/// A zip of torch.save with entries changed, or left out for `None`.
fn rezip(name: &str, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut old = ZipArchive::new(Cursor::new(fixture(name))).unwrap();
    let mut new = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for index in 0..old.len() {
        let mut entry = old.by_index(index).unwrap();
        let path = entry.name().unwrap().into_owned();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        let short = path.split_once('/').unwrap().1;
        if let Some(data) = change(short, data) {
            new.start_file(&path, options).unwrap();
            new.write_all(&data).unwrap();
        }
    }
    new.finish().unwrap().into_inner()
}

#[test]
fn files_of_other_kinds_are_named() {
    assert_error(b"", "an empty file, expected a checkpoint of torch.save");
    assert_error(b"hello world", "unknown format, expected a checkpoint");
    assert_error(b"hello world", "it has 11 bytes and begins `hello wo`");
    assert_error(b"\x1f\x8b\x08\0", "a gzip archive, expected");
    let mut tar = vec![b'x'; 600];
    tar[257..262].copy_from_slice(b"ustar");
    assert_error(&tar, "a tar archive, expected");
    assert_error(b"\x80\x04}.", "a plain pickle of an empty dict, expected a checkpoint");
}

#[test]
fn paths_that_are_no_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("not a regular file, expected a checkpoint"), "{error}");
    let error = read(&folder.path().join("none.pth")).unwrap_err().to_string();
    assert!(error.contains("none.pth: No such file"), "{error}");
}

#[test]
fn truncation_is_called_so() {
    let zip = fixture("zip.pth.tar");
    assert_error(
        &zip[..3000],
        "truncated or damaged: a zip archive without a readable directory at its end, byte 3000",
    );
    let old = fixture("plain-legacy.pth");
    assert_error(&old[..400], "truncated: the pickled object needs");
    assert_error(&old[..400], "are left; download or copy the file again");
    assert_error(&old[..old.len() - 3], "truncated: a storage needs 12 more bytes at byte");
    let safe = fixture("weights.safetensors");
    assert_error(&safe[..safe.len() - 1], "truncated or damaged at byte 848: a safetensors file");
    assert_error(&safe[..100], "truncated or damaged at byte 100: a safetensors file");
    let pickle = rezip("plain.pth", |name, mut data| {
        data.truncate(if name == "data.pkl" { 100 } else { data.len() });
        Some(data)
    });
    assert_error(&pickle, "truncated: its entry data.pkl needs");
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = legacy(&dict(b"N"), &[]);
    bytes[18] = 0xea;
    assert_error(&bytes, "the version of its format is the int 1002, expected 1001");
    assert_error(&legacy(b"\x80\x09N", &[]), "its protocol is 9, expected at most 5");
}

#[test]
fn big_endian_archives_are_refused() {
    let big = rezip("plain.pth", |name, data| {
        Some(if name == "byteorder" { b"big".to_vec() } else { data })
    });
    assert_error(&big, "its byte order is `big`, expected `little`: load it in Python");
    // Files before 2.1 do not say.
    let silent = rezip("plain.pth", |name, data| (name != "byteorder").then_some(data));
    assert_eq!(parse(&silent).unwrap(), parse(&fixture("plain.pth")).unwrap());
}

#[test]
fn archives_that_lack_parts_name_them() {
    let without = |part: &str| rezip("plain.pth", |name, data| (name != part).then_some(data));
    assert_error(&without("data.pkl"), "a zip archive without `<name>/data.pkl`");
    assert_error(&without("data/0"), "tensor `1.0.weight`: its entry `plain/data/0` is missing");
}

#[test]
fn a_storage_of_the_wrong_size_names_the_tensor() {
    let cut = rezip("plain.pth", |name, mut data| {
        data.truncate(if name == "data/0" { 70 } else { data.len() });
        Some(data)
    });
    assert_error(
        &cut,
        "tensor `1.0.weight`: its storage '0' has 70 bytes, expected 18 elements of float32",
    );
    let bytes = legacy(&dict(&tensor(3, 0, "I2\n", "I1\n")), &[1.0, 2.0]);
    assert_error(&bytes, "the storage '1' has 2 elements of float32, expected 3");
}

#[test]
fn tensors_outside_their_storage_are_refused() {
    let bad =
        |offset, shape, strides| legacy(&dict(&tensor(2, offset, shape, strides)), &[1.0, 2.0]);
    assert!(parse(&bad(0, "I2\n", "I1\n")).is_ok());
    assert!(parse(&bad(9, "I0\nI4\n", "I4\nI1\n")).is_ok(), "an empty tensor lies nowhere");
    let cases = [
        (0, "I3\n", "I1\n"),
        (1, "I2\n", "I1\n"),
        (2, "", ""),
        (0, "I2\nI2\n", "I1\nI1\n"),
        (0, "I4611686018427387904\nI4\n", "I4\nI1\n"),
        (0, "I2\n", "I9223372036854775807\n"),
        (9223372036854775807, "I2\n", "I1\n"),
    ];
    for (offset, shape, strides) in cases {
        assert_error(&bad(offset, shape, strides), "tensor `w`: the shape [");
        assert_error(&bad(offset, shape, strides), "is outside its 2 elements");
    }
    assert_error(&bad(-1, "I1\n", "I1\n"), "tensor `w`: its offset, shape or strides are not");
    assert_error(&bad(0, "I2\n", "I-1\n"), "not whole numbers of at least 0");
    let many = "I1\n".repeat(65);
    assert_error(&bad(0, &many, &many), "64 at most");
    assert_error(&bad(0, "I2\n", ""), "it has the shape [2] but the strides []");
}

#[test]
fn strides_that_repeat_elements_have_a_limit() {
    let object = dict(&tensor(1, 0, "I1000000000\n", "I0\n"));
    assert_error(&legacy(&object, &[1.0]), "tensor `w`: it would unfold to 4000000009 bytes");
    let few = parse(&legacy(&dict(&tensor(1, 0, "I3\n", "I0\n")), &[1.5])).unwrap();
    assert_eq!(few.tensors()["w"].to_f32().unwrap(), [1.5; 3]);
}

#[test]
fn views_of_storages_are_honoured() {
    // As PyTorch before 0.4 wrote them: two elements from 1 on, of a storage of 3.
    let whole = String::from_utf8(tensor(3, 0, "I2\n", "I1\n")).unwrap();
    let view = whole.replace("I3\nNtQ", "I3\n(U\x019I1\nI2\nttQ");
    let object = dict(view.as_bytes());
    let found = parse(&legacy(&object, &[1.0, 2.0, 3.0])).unwrap();
    assert_eq!(found.tensors()["w"].to_f32().unwrap(), [2.0, 3.0]);
}

#[test]
fn what_is_no_state_dict_is_described() {
    let error = |object: &[u8], expected: &str| assert_error(&legacy(object, &[]), expected);
    error(b"](I1\nI2\ne", "it holds no state dict but a list of 2, expected a dict of tensors");
    error(b"}", "it holds no state dict but an empty dict");
    error(
        b"}(U\x05epochI3\nU\x06weightNu",
        "it holds no state dict but a dict with the keys 'epoch', 'weight', expected",
    );
    error(b"}U\x0astate_dict}U\x01wI1\nss", "the entry `w` of the state dict is the int 1");
    let mixed = [b"}(U\x01a", tensor(0, 0, "I0\n", "I1\n").as_slice(), b"U\x05epochI3\nu"].concat();
    error(&mixed, "the entry `epoch` of the state dict is the int 3, expected a tensor");
    let number = [b"}(U\x01a", tensor(0, 0, "I0\n", "I1\n").as_slice(), b"I1\nNu"].concat();
    error(&number, "a key of the state dict is the int 1, expected a str");
}

#[test]
fn names_are_printed_without_control_characters() {
    assert_error(&legacy(b"cos\x1b[2J\nsystem\n", &[]), r"it holds code: os\u{1b}[2J.system;");
    let long = format!("c{}\nf\n", "a".repeat(5000));
    let error = parse(&legacy(long.as_bytes(), &[])).unwrap_err();
    assert!(error.contains("aaa….f") && error.len() < 500, "{error}");
}

#[test]
fn every_way_to_a_function_is_barred() {
    for code in [
        &b"cposix\nsystem\n"[..],
        b"U\x05posixU\x06system\x93",
        b"(iposix\nsystem\n",
        // A tensor's name in another module, and a way through one that is allowed.
        b"cos\n_rebuild_tensor_v2\n",
        b"ccollections\nOrderedDict.__init__\n",
        b"ctorch._utils\nos.system\n",
        b"ctorch.storage\n_load_from_bytes\n",
        b"cbuiltins\ngetattr\n",
    ] {
        assert_error(&legacy(code, &[]), "it holds code: ");
    }
    // Nothing but what is allowed is called.
    assert_error(&legacy(b"U\x06system)R", &[]), "the str 'system' is called");
    assert_error(&legacy(b"N)\x81", &[]), "an object is made of None");
}

/// As training frameworks keep them beside the weights.
#[test]
fn settings_of_known_classes_are_passed_over() {
    for class in [
        "pytorch_lightning.utilities.parsing\nAttributeDict",
        "lightning.fabric.utilities.data\nAttributeDict",
        "omegaconf.dictconfig\nDictConfig",
        "pathlib\nPosixPath",
        "easydict\nEasyDict",
    ] {
        // An object with entries and attributes.
        let object = format!("c{class}\n)\u{81}").chars().map(|c| c as u8).collect::<Vec<u8>>();
        let object = [&object[..], b"(U\x02lrI1\nu}b"].concat();
        let weights = dict(&tensor(1, 0, "I1\n", "I1\n"));
        let both =
            [b"}(U\x10hyper_parameters", &object[..], b"U\x0astate_dict", &weights, b"u"].concat();
        let found = parse(&legacy(&both, &[1.5])).unwrap();
        assert_eq!(found.sets[0].key, "state_dict", "{class}");
        assert_eq!(found.tensors()["w"].to_f32().unwrap(), [1.5], "{class}");
    }
    // Of another name or package: as any other code.
    for class in ["omegaconf.base\nsystem", "lightning_evil\nAttributeDict", "pathlib\nopen"] {
        assert_error(&legacy(format!("c{class}\n").as_bytes(), &[]), "it holds code: ");
    }
}

#[test]
fn broken_pickles_say_where() {
    let error = |object: &[u8], expected: &str| assert_error(&legacy(object, &[]), expected);
    error(b"0", "the pickled object is broken at byte 27: an operand is missing");
    error(b"t", "a mark is missing");
    error(b"h\x07", "nothing is memorised as 7");
    error(b"\xff", "the opcode 0xff, which neither torch.save nor pickle");
    error(b"P1\n", "the opcode 0x50");
    error(b"I1x\n", "'1x' is no integer");
    error(b"}(Nu", "a dict with a key that has no value");
    error(b"NNs", "an operand is missing");
    error(b"NNNs", "entries are set on something other than a dict");
    error(b"NNa", "items are added to something other than a list or set");
    error(b"NNb", "attributes are set on None");
    error(b"NQ", "it refers to None outside the pickle, expected ('storage', class, key");
    error(b"U\x01\xffX\x01\0\0\0\xff", "holds text that is not UTF-8");
    error(b"X\xff\xff\xff\xff", "truncated: the pickled object needs 4294967295 more bytes");
    error(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "needs 18446744073709551615 more bytes");
    error(b"ctorch\nSize\nN\x85R", "torch.Size is called with a tuple of 1, expected");
    error(b"ctorch._utils\n_rebuild_parameter\nN\x85R", "_rebuild_parameter is called with");
    error(
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        "expected (storage, offset, shape, strides, …)",
    );
}

#[test]
fn values_that_hold_themselves_end() {
    // A list in itself; a dict under its own 'state_dict'; a shape in itself.
    assert_error(&legacy(b"]q\0h\0a", &[]), "no state dict but a list of 1");
    assert_error(
        &legacy(b"}q\0U\x0astate_dicth\0s", &[]),
        "the entry `state_dict` of the state dict is a dict",
    );
    let shape = dict(&tensor(1, 0, "]q\0h\0a", "I1\n"));
    assert_error(&legacy(&shape, &[1.0]), "tensor `w`: its offset, shape or strides");
}

#[test]
fn values_that_share_parts_stay_small() {
    // 2^2000 leaves, were it a tree; and as deep as it is long.
    let bomb = [b"N".as_slice(), &b"2\x86".repeat(2000)].concat();
    assert_error(&legacy(&bomb, &[]), "no state dict but a tuple of 2");
    let deep = [b"N".as_slice(), &b"\x85".repeat(1_000_000)].concat();
    assert_error(&legacy(&deep, &[]), "no state dict but a tuple of 1");
    assert_error(&legacy(&b"]".repeat((1 << 22) + 1), &[]), "more than 4194304 Python values");
}

#[test]
fn damaged_data_fail_their_checksum() {
    let mut bytes = fixture("plain.pth");
    let tensor = parse(&bytes).unwrap().tensors()["1.0.weight"].data().to_vec();
    let at = bytes.windows(tensor.len()).position(|w| w == tensor).unwrap();
    bytes[at] ^= 1;
    assert_error(&bytes, "tensor `1.0.weight`: its entry `plain/data/0` is truncated or damaged (");
}

#[test]
fn zip_bombs_are_refused() {
    let large = |entry: &str| {
        rezip("plain.pth", |name, data| {
            Some(if name == entry { vec![b'N'; 64 << 20] } else { data })
        })
    };
    for entry in ["data.pkl", "data/0", "byteorder"] {
        assert!(large(entry).len() < 1 << 18);
        assert_error(&large(entry), "far more than the file holds");
    }
}

#[test]
fn safetensors_of_rare_types_name_the_tensor() {
    let header = br#"{"w":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    let file = |header: &[u8]| [&length[..], header, &[0; 8]].concat();
    assert_error(&file(header), "tensor `w`: its type is U64, expected a plain float");
    let mut broken = header.to_vec();
    broken[2] = b'\\';
    assert_error(&file(&broken), "not a readable safetensors file: ");
}
