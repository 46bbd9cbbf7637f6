//! Checkpoints that fit an architecture, and what is said of those that do not.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use drs_checkpoint::{Checkpoint, read};
use drs_plugins_api::{Error, ErrorKind};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LEVELS, lattice, models, network, values};

const SHAPE: [usize; 3] = [3, 32, 32];
/// Tensor name to shape and 16-bit floats.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

fn checkpoint() -> Checkpoint {
    read(&models().join("resnet20.pth.tar")).unwrap()
}

/// Those with weights; without the counts of training steps.
fn tensors() -> Tensors {
    let tensors = checkpoint().tensors().clone().into_iter();
    let floats = tensors.filter(|(name, _)| !name.ends_with("num_batches_tracked"));
    floats.map(|(name, tensor)| (name, (tensor.shape().to_vec(), tensor.data().to_vec()))).collect()
}

/// Every name changed.
fn renamed(name: impl Fn(&str) -> String) -> Tensors {
    tensors().into_iter().map(|(old, tensor)| (name(&old), tensor)).collect()
}

/// A safetensors file of them, in a folder that lives as long as the first.
fn write(tensors: &Tensors, arch: Option<&str>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.safetensors");
    let views = tensors.iter().map(|(name, (shape, data))| {
        (name.clone(), TensorView::new(Dtype::F16, shape.clone(), data).unwrap())
    });
    let arch = arch.map(|arch| HashMap::from([("arch".to_owned(), arch.to_owned())]));
    serialize_to_file(views, arch, &path).unwrap();
    (folder, path)
}

fn logits_of(tensors: &Tensors, more: Value) -> Result<Vec<f32>, Error> {
    let (_folder, path) = write(tensors, Some("cifar_resnet20"));
    let mut config = json!({ "kind": "checkpoint", "model": path });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let network = network(&config, SHAPE)?;
    Ok(values(&network.logits(&lattice(2, SHAPE), LEVELS).unwrap()))
}

#[track_caller]
fn fails(tensors: &Tensors, words: &[&str]) {
    let error = logits_of(tensors, json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    for word in words.iter().chain(&["changed.safetensors"]) {
        assert!(error.to_string().contains(word), "\"{word}\" in: {error}");
    }
}

#[test]
fn missing_extra_and_misshapen_tensors_are_named() {
    const CONV: &str = "1.layer2.0.conv1.weight";
    let mut missing = tensors();
    missing.remove(CONV).unwrap();
    let beside = ["1.bn1.bias, 1.bn1.running_mean", "expected bn1.bias, bn1.running_mean"];
    let words = ["layer2.0.conv1.weight is missing", "arch", "106 are in the file", "ONNX"];
    fails(&missing, &[&words[..], &beside].concat());

    let mut extra = tensors();
    extra.insert("1.layer9.weight".to_owned(), (vec![1], vec![0; 2]));
    fails(&extra, &["layer9.weight found", "cifar_resnet20 does not have"]);

    let mut misshapen = tensors();
    misshapen.get_mut(CONV).unwrap().0 = vec![16, 32, 3, 3];
    fails(
        &misshapen,
        &["layer2.0.conv1.weight has shape [16, 32, 3, 3]", "expected [32, 16, 3, 3]"],
    );
}

#[test]
fn the_head_decides_the_number_of_classes() {
    let mut tensors = tensors();
    for (name, row) in [("1.fc.weight", 2 * 64), ("1.fc.bias", 2)] {
        let (shape, data) = tensors.get_mut(name).unwrap();
        shape[0] = 7;
        data.truncate(7 * row);
    }
    assert_eq!(logits_of(&tensors, json!({})).unwrap().len(), 2 * 7);
    tensors.get_mut("1.fc.bias").unwrap().0 = vec![7, 1];
    fails(&tensors, &["fc.bias has shape [7, 1]", "expected [7]"]);
}

#[test]
fn architectures_are_named_and_known() {
    let open = |arch: Option<&str>, config: Value| {
        let (_folder, path) = write(&tensors(), arch);
        let mut config = config;
        config["kind"] = "checkpoint".into();
        config["model"] = path.to_str().unwrap().into();
        network(&config, SHAPE).map(|network| network.outputs())
    };
    let error = open(None, json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for word in ["changed.safetensors", "arch", "add `arch = "] {
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = open(Some("vgg16"), json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for word in ["\"vgg16\" found", "cifar_resnet20, ", "torchscript"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    // The configuration has the last word, and what it names must fit.
    assert_eq!(open(Some("vgg16"), json!({ "arch": "cifar_resnet20" })), Ok(10));
    let error = open(Some("cifar_resnet20"), json!({ "arch": "cifar_resnet110" })).unwrap_err();
    assert!(error.to_string().contains("449 more are missing"), "{error}");
}

#[test]
fn prefixes_of_wrappers_make_no_difference() {
    let expected = logits_of(&tensors(), json!({})).unwrap();
    for prefix in ["module.1.", "1.module.", "model.1.", "model._orig_mod.1.", "1.net."] {
        let renamed = renamed(|name| name.replacen("1.", prefix, 1));
        assert_eq!(logits_of(&renamed, json!({})).unwrap(), expected, "{prefix}");
    }
}

#[test]
fn names_without_a_layer_in_front_mean_no_normalisation() {
    let normalised = logits_of(&tensors(), json!({})).unwrap();
    for prefix in ["", "module.", "backbone._orig_mod."] {
        let plain = renamed(|name| name.replacen("1.", prefix, 1));
        assert_ne!(logits_of(&plain, json!({})).unwrap(), normalised, "{prefix}");
        let given = json!({ "mean": [0.4914, 0.4822, 0.4465], "std": [0.2023, 0.1994, 0.2010] });
        assert_eq!(logits_of(&plain, given).unwrap(), normalised, "{prefix}");
    }
    // One that is given replaces the architecture's.
    let other = json!({ "mean": [0.5, 0.5, 0.5], "std": [1.0, 1.0, 1.0] });
    assert_ne!(logits_of(&tensors(), other).unwrap(), normalised);
    let none = json!({ "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0] });
    let plain = renamed(|name| name.replacen("1.", "", 1));
    assert_eq!(
        logits_of(&tensors(), none).unwrap(),
        logits_of(&plain, json!({})).unwrap(),
        "no normalisation at all"
    );
}

/// Half-precision floats of a layer: means and deviations that have few digits.
fn layer(tensors: &mut Tensors, mean: &str, std: &str) {
    // 0.5, 0.25, 0.125, and 0.25, 0.5, 0.75.
    let values = |bits: [u16; 3]| bits.into_iter().flat_map(u16::to_le_bytes).collect();
    let shape = vec![1, 3, 1, 1];
    tensors.insert(mean.to_owned(), (shape.clone(), values([0x3800, 0x3400, 0x3000])));
    tensors.insert(std.to_owned(), (shape, values([0x3400, 0x3800, 0x3a00])));
}

#[test]
fn a_normalisation_layer_in_the_file_is_used() {
    let plain = renamed(|name| name.replacen("1.", "model.", 1));
    let given = json!({ "mean": [0.5, 0.25, 0.125], "std": [0.25, 0.5, 0.75] });
    let expected = logits_of(&plain, given.clone()).unwrap();
    assert_ne!(logits_of(&plain, json!({})).unwrap(), expected);
    let mut with_layer = plain;
    layer(&mut with_layer, "normalize.mean", "normalize.std");
    assert_eq!(logits_of(&with_layer, json!({})).unwrap(), expected);
    assert_eq!(logits_of(&with_layer, given).unwrap(), expected);
    // In place of what is usual behind such a prefix.
    let mut sequence = tensors();
    layer(&mut sequence, "0.mean", "0.std");
    assert_eq!(logits_of(&sequence, json!({})).unwrap(), expected);

    let other = json!({ "mean": [0.4914, 0.4822, 0.4465], "std": [0.2023, 0.1994, 0.2010] });
    let error = logits_of(&with_layer, other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for word in ["changed.safetensors", "0.4914", "normalize.mean = [0.5, 0.25, 0.125]"] {
        assert!(error.to_string().contains(word), "\"{word}\" in: {error}");
    }
}

#[test]
fn the_averaged_weights_are_taken_unless_others_are_asked_for() {
    let expected = logits_of(&tensors(), json!({})).unwrap();
    let mut both = renamed(|name| name.replacen("1.", "ema_model.1.", 1));
    let mut raw = renamed(|name| name.replacen("1.", "model.1.", 1));
    // Another bias.
    raw.get_mut("model.1.fc.bias").unwrap().1[..2].copy_from_slice(&[0, 0x4c]);
    let raw_logits = logits_of(&raw, json!({})).unwrap();
    assert_ne!(raw_logits, expected);
    both.extend(raw);
    for (config, logits) in [
        (json!({}), &expected),
        (json!({ "weights": "ema" }), &expected),
        (json!({ "weights": "ema_model" }), &expected),
        (json!({ "weights": "model" }), &raw_logits),
        (json!({ "weights": "raw" }), &raw_logits),
    ] {
        assert_eq!(&logits_of(&both, config.clone()).unwrap(), logits, "{config}");
    }
    let error = logits_of(&both, json!({ "weights": "best" })).unwrap_err().to_string();
    assert!(error.contains("\"best\" found") && error.contains("ema_model.1"), "{error}");
}
