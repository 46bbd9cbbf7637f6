//! Every architecture in every format gives the same logits.

use std::collections::BTreeMap;
use std::path::Path;

use drs_architectures::Architecture;
use drs_train::export::{Export, SHAPE, export};
use drs_train::network::{Mode, Network};
use drs_train::run::write_model;
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use tch::{CModule, Device, Kind, Tensor};

/// The same logits, up to the order of sums.
const TOLERANCE: f64 = 1e-4;

fn values(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0f32; tensor.numel()];
    tensor.contiguous().copy_data(&mut values, tensor.numel());
    values
}

fn furthest(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

#[test]
fn formats_agree() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("small_cnn", [1, 28, 28], 3),
        ("tiny_cnn", [1, 28, 28], 3),
        ("cifar_resnet20", [3, 32, 32], 10),
        ("cifar_resnet110", [3, 32, 32], 10),
        ("resnet50", [3, 64, 64], 7),
    ];
    assert_eq!(cases.map(|case| case.0).to_vec(), {
        let mut names: Vec<&str> = Architecture::names().collect();
        names.sort_by_key(|name| cases.iter().position(|case| case.0 == *name));
        names
    });
    for (name, shape, classes) in cases {
        let network = Network::new(Architecture::find(name).unwrap(), classes, Device::Cpu, 5);
        let [c, h, w] = shape.map(|size| size as i64);
        // Running statistics that are not those of the start.
        for _ in 0..3 {
            let inputs = Tensor::rand([8, c, h, w], (Kind::Float, Device::Cpu));
            let _ = tch::no_grad(|| network.forward(&inputs, Mode::Train));
        }
        let inputs = Tensor::rand([5, c, h, w], (Kind::Float, Device::Cpu));
        let expected = values(&tch::no_grad(|| network.forward(&inputs, Mode::Eval)));
        let size = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
        assert!(size > 1e-3, "{name}: the logits say nothing: {expected:?}");
        let tolerance = TOLERANCE * f64::from(size.max(1.0));

        let model = folder.path().join(format!("{name}.safetensors"));
        let shape_note = shape.map(|size| size.to_string()).join("x");
        let notes = [("drs.sigma", "0.5".to_owned()), (SHAPE, shape_note)];
        let notes = notes.map(|(key, value)| (key.to_owned(), value));
        write_model(&model, &network, BTreeMap::from(notes)).unwrap();
        let export = |ending: &str, half: bool| {
            let out = folder.path().join(format!("{name}.{ending}"));
            let (model, out_too) = (model.clone(), out.clone());
            export(&Export { model, arch: None, shape: None, out: out_too, half }).map(|()| out)
        };
        let written = |ending: &str| export(ending, false).unwrap();

        let module = CModule::load(written("pt")).unwrap();
        let found = values(&tch::no_grad(|| module.forward_ts(&[&inputs]).unwrap()));
        let gap = furthest(&found, &expected);
        assert!(gap <= tolerance, "{name}: TorchScript is {gap} apart of {size}");

        let model = rten::Model::load_file(written("onnx")).unwrap();
        let lattice = NdTensor::from_data([5, shape[0], shape[1], shape[2]], values(&inputs));
        let outputs = model.run_one(lattice.view().into(), None).unwrap();
        let outputs: NdTensor<f32, 2> = outputs.try_into().unwrap();
        let gap = furthest(&outputs.to_vec(), &expected);
        assert!(gap <= tolerance, "{name}: ONNX is {gap} apart of {size}");

        // In half the bytes, each weight is off by 2⁻¹¹ of itself at the most.
        let half = export("half.onnx", true).unwrap();
        let bytes = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(bytes(&half) * 100 < bytes(&written("onnx")) * 60, "{name}");
        let model = rten::Model::load_file(half).unwrap();
        let outputs = model.run_one(lattice.view().into(), None).unwrap();
        let outputs: NdTensor<f32, 2> = outputs.try_into().unwrap();
        let gap = furthest(&outputs.to_vec(), &expected);
        assert!(gap > 0.0 && gap <= 0.01 * f64::from(size), "{name}: {gap} apart of {size}");
        let refused = export("half.pt", true).unwrap_err().to_string();
        assert!(refused.contains("--half is for .onnx alone"), "{refused}");
    }
}

/// What a network is normalised by is in its file, and in what is exported of it.
#[test]
fn files_tell_their_normalisation() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::new(Architecture::find("tiny_cnn").unwrap(), 3, Device::Cpu, 5);
    let inputs = Tensor::rand([5, 1, 28, 28], (Kind::Float, Device::Cpu));
    let logits = |network: &Network| values(&tch::no_grad(|| network.forward(&inputs, Mode::Eval)));
    let usual = logits(&network);
    let model = folder.path().join("m.safetensors");
    let names = |model: &Path| -> Vec<String> {
        let checkpoint = drs_checkpoint::read(model).unwrap();
        checkpoint.tensors().keys().filter(|name| name.starts_with("0.")).cloned().collect()
    };
    write_model(&model, &network, BTreeMap::new()).unwrap();
    assert_eq!(names(&model), [""; 0], "as usual");

    for numbers in [(vec![0.5], vec![0.25]), (vec![0.0], vec![1.0])] {
        network.normalise(numbers.clone()).unwrap();
        let expected = logits(&network);
        assert!(furthest(&expected, &usual) > 1e-3, "{numbers:?}");
        write_model(&model, &network, BTreeMap::new()).unwrap();
        assert_eq!(names(&model), ["0.mean", "0.std"]);
        let checkpoint = drs_checkpoint::read(&model).unwrap();
        let again = Network::frozen(&checkpoint, None, Device::Cpu).unwrap();
        assert_eq!(again.normalisation(), &numbers);
        assert!(furthest(&logits(&again), &expected) < TOLERANCE);
        let out = folder.path().join("m.onnx");
        let (arch, shape) = (None, Some([1, 28, 28]));
        export(&Export { model: model.clone(), arch, shape, out: out.clone(), half: false })
            .unwrap();
        let lattice = NdTensor::from_data([5, 1, 28, 28], values(&inputs));
        let outputs = rten::Model::load_file(out).unwrap().run_one(lattice.view().into(), None);
        let outputs: NdTensor<f32, 2> = outputs.unwrap().try_into().unwrap();
        assert!(furthest(&outputs.to_vec(), &expected) < TOLERANCE, "{numbers:?}");
    }
    assert!(network.normalise((vec![0.5; 3], vec![0.25; 3])).is_err());
    assert!(network.normalise((vec![0.5], vec![0.0])).is_err());
}

/// Names without a layer in front, as of a model that is normalised outside or not at all.
#[test]
fn a_file_without_a_normalisation_layer_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(Architecture::find("tiny_cnn").unwrap(), 3, Device::Cpu, 5);
    let path = folder.path().join("m.safetensors");
    for (prefix, expected) in
        [("", (0.0, 1.0)), ("model.", (0.0, 1.0)), ("model.1.", (0.286, 0.353))]
    {
        let tensors = network.tensors().iter();
        let tensors = tensors.map(|(name, tensor)| (format!("{prefix}{name}"), tensor));
        drs_train::files::write(&path, tensors, &BTreeMap::new()).unwrap();
        let checkpoint = drs_checkpoint::read(&path).unwrap();
        let found = Network::frozen(&checkpoint, Some("tiny_cnn"), Device::Cpu).unwrap();
        assert_eq!(found.normalisation(), &(vec![expected.0], vec![expected.1]), "{prefix}");
    }
}

#[test]
fn what_cannot_be_exported_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::new(Architecture::find("small_cnn").unwrap(), 2, Device::Cpu, 1);
    let model = folder.path().join("m.safetensors");
    write_model(&model, &network, BTreeMap::new()).unwrap();
    let attempt = |arch: Option<&str>, shape: Option<[usize; 3]>, out: &str| {
        let out = folder.path().join(out);
        let arch = arch.map(str::to_owned);
        let attempt = Export { model: model.clone(), arch, shape, out, half: false };
        format!("{:#}", export(&attempt).unwrap_err())
    };
    let shape = Some([1, 28, 28]);
    assert!(attempt(None, None, "m.onnx").contains("--shape"));
    assert!(attempt(None, Some([3, 28, 28]), "m.onnx").contains("1 channels, not 3"));
    assert!(attempt(None, shape, "m.h5").contains(".onnx or .pt"));
    assert!(attempt(Some("vgg"), shape, "m.onnx").contains("\"vgg\" found"));
    assert!(attempt(Some("cifar_resnet20"), shape, "m.onnx").contains("m.safetensors: tensor"));
    assert!(attempt(None, shape, "nowhere/m.onnx").contains("nowhere/m.onnx"));
}
