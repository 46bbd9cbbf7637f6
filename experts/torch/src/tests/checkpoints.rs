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
    let tensors = checkpoint().tensors.into_iter();
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
    fails(&missing, &["layer2.0.conv1.weight is missing", "arch"]);

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
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[test]
fn prefixes_of_wrappers_make_no_difference() {
    let expected = logits_of(&tensors(), json!({})).unwrap();
    for prefix in ["module.1.", "1.module."] {
        let renamed = renamed(|name| name.replacen("1.", prefix, 1));
        assert_eq!(logits_of(&renamed, json!({})).unwrap(), expected, "{prefix}");
    }
}

#[test]
fn names_without_a_layer_in_front_mean_no_normalisation() {
    let normalised = logits_of(&tensors(), json!({})).unwrap();
    for prefix in ["", "module."] {
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
