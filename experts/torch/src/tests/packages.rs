//! Packages of AOTInductor: their votes, their batches, and what is said of others.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use drs_plugins_api::ErrorKind::{self, Config, Model};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

use super::settings::{Opened, try_open};
use super::{LEVELS, answers_alike, lattice, models, network, values};
use crate::network::Network;

const SHAPE: [usize; 3] = [1, 8, 8];

/// The `config` table of a package.
fn package(model: impl AsRef<Path>, more: Value) -> Value {
    let mut config = json!({ "kind": "export", "model": model.as_ref() });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn opened(model: &str, more: Value) -> Opened {
    try_open(SHAPE, &package(model, more)).unwrap()
}

#[track_caller]
fn fails(shape: [usize; 3], config: &Value, kind: ErrorKind, words: &[&str]) {
    let Err(error) = try_open(shape, config) else { panic!("{config} opens") };
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "\"{word}\" in: {text}");
    }
    assert!(!text.contains("drs-package-"), "no temporary file in: {text}");
}

/// The package `small.pt2` with other entries in place of each of its own.
fn remade(entries: impl Fn(String, Vec<u8>) -> Vec<(String, Vec<u8>)>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.pt2");
    let mut old =
        zip::ZipArchive::new(std::fs::File::open(models().join("small.pt2")).unwrap()).unwrap();
    let mut new = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for index in 0..old.len() {
        let mut entry = old.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        for (name, bytes) in entries(name, bytes) {
            new.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            new.write_all(&bytes).unwrap();
        }
    }
    new.finish().unwrap();
    (folder, path)
}

/// The package `small.pt2` with its entries changed, or left out.
fn changed(change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> (TempDir, PathBuf) {
    remade(|name, bytes| change(&name, bytes).map(|bytes| (name, bytes)).into_iter().collect())
}

/// The package with a text in it replaced, wherever it is in entries of this ending.
fn replaced(ending: &str, from: &str, to: &str) -> (TempDir, PathBuf) {
    changed(|name, mut bytes| {
        if name.ends_with(ending) {
            let places = bytes.windows(from.len()).enumerate();
            let places: Vec<usize> =
                places.filter(|(_, part)| *part == from.as_bytes()).map(|(at, _)| at).collect();
            assert!(!places.is_empty(), "{from} in {name}");
            for at in places.into_iter().rev() {
                bytes.splice(at..at + from.len(), to.bytes());
            }
        }
        Some(bytes)
    })
}

#[test]
fn logits_are_those_of_the_same_model_as_torchscript() {
    let network =
        |kind: &str, model: &str| network(&json!({ "kind": kind, "model": model }), SHAPE).unwrap();
    let script = network("torchscript", "small.pt");
    for model in ["small.pt2", "fixed.pt2"] {
        let compiled = network("export", model);
        assert_eq!(compiled.outputs(), 5);
        // Fewer rows than the code takes at once, as many, and more.
        for rows in [1, 3, 16, 24, 25, 100] {
            let inputs = lattice(rows, SHAPE).to_device(Device::Cpu);
            let logits = |network: &Network| network.logits(&inputs, LEVELS).unwrap();
            answers_alike(&logits(&compiled), &logits(&script), 1e-4);
        }
    }
}

#[test]
fn a_package_of_two_models_is_refused() {
    let (_folder, path) = remade(|name, bytes| {
        let second = name.replace("/aotinductor/model/", "/aotinductor/other/");
        let second = (second != name).then(|| (second, bytes.clone()));
        std::iter::once((name, bytes)).chain(second).collect()
    });
    let words = ["2 models found in the package (model, other)", "make a package of each"];
    fails(SHAPE, &package(&path, json!({})), Model, &words);
}

#[test]
fn sigma_and_classes_are_in_the_package() {
    let found = opened("small.pt2", json!({})).manifest;
    assert_eq!((found.sigma, found.classes.len(), found.preferred_batch), (0.25, 5, 64));
    fails(
        SHAPE,
        &package("small.pt2", json!({ "sigma": 0.5 })),
        Config,
        &["0.5", "0.25", "small.pt2"],
    );
    fails(SHAPE, &package("small.pt2", json!({ "classes": 4 })), Config, &["classes", "small.pt2"]);
}

#[test]
fn batches_are_those_that_the_code_takes() {
    let batch = |model: &str, more| opened(model, more).manifest.preferred_batch;
    assert_eq!(batch("fixed.pt2", json!({})), 24);
    assert_eq!(batch("fixed.pt2", json!({ "batch": "auto" })), 24);
    assert_eq!(batch("small.pt2", json!({ "batch": 100 })), 100);
    let words = ["batch = 23 found", "batches of 24", "fixed.pt2"];
    fails(SHAPE, &package("fixed.pt2", json!({ "batch": 23 })), Config, &words);
    let words = ["batch = 8 found", "batches of 16 to 65536", "small.pt2"];
    fails(SHAPE, &package("small.pt2", json!({ "batch": 8 })), Config, &words);
}

/// More calls than the code runs at once, and some that fail: none waits for ever, and all answers
/// are the same.
#[test]
fn calls_at_once_do_not_disturb_each_other() {
    let network =
        Arc::new(network(&json!({ "kind": "export", "model": "small.pt2" }), SHAPE).unwrap());
    let logits = |network: &Network| values(&network.logits(&lattice(64, SHAPE), LEVELS).unwrap());
    let expected = logits(&network);
    let (sender, ended) = mpsc::channel();
    for thread in 0..8 {
        let (network, expected, sender) = (network.clone(), expected.clone(), sender.clone());
        std::thread::spawn(move || {
            for _ in 0..10 {
                if thread % 2 == 0 {
                    assert_eq!(logits(&network), expected);
                } else {
                    // Of another shape than the code takes.
                    let wrong = Tensor::zeros([64, 1, 8, 4], (Kind::Int16, Device::Cpu));
                    let error = network.logits(&wrong, LEVELS).unwrap_err().to_string();
                    assert!(error.contains("refused a batch of shape [64, 1, 8, 4]"), "{error}");
                }
            }
            sender.send(()).unwrap();
        });
    }
    for _ in 0..8 {
        ended.recv_timeout(Duration::from_secs(120)).unwrap();
    }
    assert_eq!(logits(&network), expected);
}

#[test]
fn settings_that_are_compiled_in_are_refused() {
    for (more, words) in [
        (json!({ "dtype": "bf16" }), ["dtype", "compiled already"]),
        (json!({ "channels_last": false }), ["channels_last", "compiled already"]),
        (json!({ "arch": "resnet50" }), ["arch", "its own architecture"]),
        (json!({ "weights": "ema" }), ["weights", "one set of weights"]),
    ] {
        fails(SHAPE, &package("small.pt2", more), Config, &[&words[..], &["small.pt2"]].concat());
    }
}

#[test]
fn a_package_for_other_inputs() {
    let words = ["small.pt2", "[16 to 65536, 1, 8, 8]", "expected [batch, 3, 8, 8]", "[input]"];
    fails([3, 8, 8], &package("small.pt2", json!({})), Model, &words);
    for (from, to, words) in [
        ("aoti_torch_dtype_float32();", "aoti_torch_dtype_uint8();", "its input is uint8"),
        ("AOTInductorModelBase(1,", "AOTInductorModelBase(2,", "2 inputs and 1 outputs"),
        (
            "std::move(cubin_dir),\n                           true)",
            "std::move(cubin_dir), false)",
            "package_constants_in_so",
        ),
        ("check_input_0(", "check_it(", "not as PyTorch 2.11"),
        (
            "if (8 != arg16_1_size[2])",
            "if (arg16_1_size[2] < 2)",
            "no dimension dynamic but the batch",
        ),
        ("return;", "aoti_torch_proxy_executor_call_function(0);", "does not compile"),
        ("8 != arg16_1_stride[2]", "9 != arg16_1_stride[2]", "neither channels first nor"),
    ] {
        let (_folder, path) = replaced(".wrapper.cpp", from, to);
        fails(SHAPE, &package(&path, json!({})), Model, &[words, "changed.pt2"]);
    }
}

#[test]
fn a_package_for_another_machine() {
    let metadata = |from: &str, to: &str| replaced("wrapper_metadata.json", from, to);
    let (_folder, path) = metadata("\"cpu\"", "\"cuda\"");
    let words = ["compiled for cuda found, expected one for cpu", "device = \"cuda\""];
    fails(SHAPE, &package(path, json!({})), Config, &words);
    let (_folder, path) = metadata("x86_64", "aarch64");
    fails(SHAPE, &package(path, json!({})), Model, &["aarch64 found, but this machine is x86_64"]);
    let (_folder, path) = metadata("linux", "win32");
    fails(SHAPE, &package(path, json!({})), Model, &["win32 found, but this machine is linux"]);
    let (_folder, path) = metadata("AOTI_DEVICE_KEY", "AOTI_OTHER_KEYS");
    fails(SHAPE, &package(path, json!({})), Model, &["AOTI_DEVICE_KEY is missing"]);
    let (_folder, path) = metadata("{", "[");
    fails(SHAPE, &package(path, json!({})), Model, &["metadata.json", "expected texts by name"]);
}

/// Code that asks libtorch for what it does not have, as another version would.
#[test]
fn a_package_of_another_pytorch() {
    let (_folder, path) =
        replaced(".so", "aoti_torch_cpu_convolution", "aoti_torch_cpu_convolutiom");
    let words = ["changed.pt2", "undefined symbol", "another PyTorch", "2.11"];
    fails(SHAPE, &package(path, json!({})), Model, &words);
    let (_folder, path) = replaced(".so", "AOTI_RUNTIME_CHECK_INPUTS", "AOTI_RUNTIME_CHECK_OTHERS");
    fails(SHAPE, &package(path, json!({})), Model, &["does not check what it is given"]);
}

/// Source that tells of other batches than the code takes: the code refuses, and reads nothing
/// beyond its input.
#[test]
fn code_that_refuses_a_batch_says_so() {
    let (_folder, path) = replaced(".wrapper.cpp", "_size[0] < 16)", "_size[0] < 2)");
    let words = ["changed.pt2", "its code refused a batch of shape [2, 1, 8, 8]"];
    fails(SHAPE, &package(path, json!({ "batch": 2 })), Model, &words);
}

#[test]
fn files_that_are_no_package() {
    let script = models().join("small.pt");
    fails(
        SHAPE,
        &package(script, json!({})),
        Model,
        &["a TorchScript file", "kind = \"torchscript\""],
    );
    let checkpoint = models().join("resnet20.pth.tar");
    fails(
        SHAPE,
        &package(checkpoint, json!({})),
        Model,
        &["a checkpoint", "kind = \"checkpoint\""],
    );
    let (_folder, path) = changed(|name, bytes| (!name.ends_with(".so")).then_some(bytes));
    fails(SHAPE, &package(path, json!({})), Model, &["no compiled code", "package_cpp_only"]);
    let (_folder, path) = changed(|name, bytes| (!name.ends_with(".cpp")).then_some(bytes));
    fails(SHAPE, &package(path, json!({})), Model, &["the source of", "not in the package"]);
    let (_folder, path) = changed(|name, bytes| (!name.contains("aotinductor")).then_some(bytes));
    fails(SHAPE, &package(path, json!({})), Model, &["without a compiled model"]);

    let whole = std::fs::read(models().join("small.pt2")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torn.pt2");
    for kept in [0, 10, whole.len() / 2, whole.len() - 10] {
        std::fs::write(&path, &whole[..kept]).unwrap();
        fails(SHAPE, &package(&path, json!({})), Model, &["torn.pt2", "truncated"]);
    }
    // The directory at the end is whole, but not the code.
    let mut damaged = whole;
    damaged[40_000..40_100].fill(0xff);
    std::fs::write(&path, &damaged).unwrap();
    fails(SHAPE, &package(&path, json!({})), Model, &["torn.pt2", "damaged"]);

    for kind in ["torchscript", "checkpoint"] {
        let mut config = package("small.pt2", json!({}));
        config["kind"] = kind.into();
        config["sigma"] = 0.25.into();
        fails(SHAPE, &config, Model, &["small.pt2", "kind = \"export\""]);
    }
}

#[test]
fn nothing_is_left_behind() {
    let left = || {
        let entries = std::fs::read_dir(std::env::temp_dir()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("drs-package-")).count()
    };
    let before = left();
    let open = opened("small.pt2", json!({}));
    // Other tests may have one for a moment; this one would stay.
    let mut tries = 0..100;
    while left() > before && tries.next().is_some() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(left() <= before, "while it is open");
    drop(open);
}
