//! Mistakes in the `config` table and in files, through the ABI: what is said
//! of them, and that the next model opens all the same.

use std::path::Path;

use drs_plugins_api::ErrorKind::{self, Config, Device, Model};
use serde_json::{Value, json};

use super::models;
use super::settings::{Opened, small, try_open};

#[track_caller]
fn fails(config: &Value, kind: ErrorKind, words: &[&str]) {
    fails_for([1, 8, 8], config, kind, words);
}

#[track_caller]
fn fails_for(shape: [usize; 3], config: &Value, kind: ErrorKind, words: &[&str]) {
    let error = match try_open(shape, config) {
        Ok(_) => panic!("{config} opens"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "\"{word}\" in: {text}");
    }
    for traces in ["Exception raised from", "frame #", "site-packages", "Traceback"] {
        assert!(!text.contains(traces), "no {traces} in: {text}");
    }
    // On this very thread, whatever libtorch was doing when it failed.
    let Opened { votes, .. } = try_open([1, 8, 8], &small(json!({}))).unwrap();
    assert_eq!(votes(&[100; 128]).unwrap().len(), 2);
}

fn with(more: Value) -> Value {
    small(more)
}

#[test]
fn mistakes_in_the_configuration() {
    fails(&with(json!({ "device": "gpu" })), Config, &["\"gpu\" found", "\"cuda:0\""]);
    fails(
        &with(json!({ "device": "cpu", "devices": ["cpu"] })),
        Config,
        &["device and devices", "one of them"],
    );
    fails(&with(json!({ "devices": ["cpu", "cpu"] })), Config, &["devices: cpu found twice"]);
    fails(&with(json!({ "devices": ["cuda", "cuda:0"] })), Config, &["cuda:0 found twice"]);
    fails(&with(json!({ "devices": [] })), Config, &["devices", "empty", "at least one"]);
    fails(&with(json!({ "batch": "fast" })), Config, &["batch \"fast\" found", "\"auto\""]);
    fails(&with(json!({ "batch": 0 })), Config, &["batch 0 found", "from 1 to 65536"]);
    fails(&with(json!({ "dtype": "f16" })), Config, &["`f16`", "`f32`", "`bf16`"]);
    fails(&with(json!({ "draw": "both" })), Config, &["`both`", "`host`", "`device`"]);
    fails(&with(json!({ "sgma": 0.5 })), Config, &["unknown field `sgma`"]);
    fails(&with(json!({ "kind": "onnx" })), Config, &["`onnx`", "`torchscript`", "`checkpoint`"]);
    fails(&with(json!({ "arch": "resnet50" })), Config, &["arch", "torchscript", "small.pt"]);
    fails(&with(json!({ "weights": "ema" })), Config, &["weights", "torchscript", "small.pt"]);
    fails(&with(json!({ "classes": 4 })), Config, &["4 names", "5 outputs", "small.pt"]);
    fails(&with(json!({ "mean": [0.1, 0.2], "std": [1, 1] })), Config, &["mean: 2 values"]);
}

#[test]
fn a_device_that_is_not_there() {
    if Path::new("/dev/nvidiactl").exists() {
        return drs_tests::skipped("this machine has a GPU: no test of its absence");
    }
    for device in ["cuda", "cuda:1"] {
        let shown = device.parse::<drs_torch_device::DeviceName>().unwrap().to_string();
        fails(&with(json!({ "device": device })), Device, &[&shown, "use device = \"cpu\""]);
    }
}

#[test]
fn files_that_are_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let fails = |model: &Path, kind: &str, words: &[&str]| {
        let name = model.file_name().unwrap().to_str().unwrap();
        let config = with(json!({ "kind": kind, "model": model }));
        fails(&config, Model, &[words, &[name]].concat());
    };
    let torchscript = std::fs::read(models().join("small.pt")).unwrap();
    fails(
        Path::new("resnet20.pth.tar"),
        "torchscript",
        &["a checkpoint of torch.save", "use kind = \"checkpoint\""],
    );
    fails(Path::new("small.pt"), "checkpoint", &["TorchScript"]);
    for kind in ["torchscript", "checkpoint"] {
        fails(&file("text.pt", b"not a model at all"), kind, &["expected"]);
        fails(&file("empty.pt", b""), kind, &["expected"]);
        fails(&folder.path().join("absent.pt"), kind, &["No such file"]);
        fails(folder.path(), kind, &[]);
        fails(&file("cut.pt", &torchscript[..torchscript.len() / 2]), kind, &[]);
    }
    // The directory at the end is whole, but not the tensors.
    let mut damaged = torchscript.clone();
    let place = damaged.windows(8).position(|bytes| bytes == b"data.pkl").unwrap();
    damaged[place + 80..place + 300].fill(0xff);
    fails(&file("damaged.pt", &damaged), "torchscript", &[]);
}

#[test]
fn inputs_that_do_not_fit_the_model() {
    let structure = |name: &str| {
        let model = format!("structure-{name}.pt");
        with(json!({ "model": model, "classes": 4 }))
    };
    // Three channels expected by the first convolution.
    let words = ["structure-used-twice.pt", "inputs of shape [1, 8, 8]", "3 channels"];
    fails(&structure("used-twice"), Model, &words);
    fails_for([3, 8, 8], &structure("maps"), Model, &["structure-maps.pt", "[2, classes]"]);
    let resnet = with(json!({ "kind": "checkpoint", "model": "resnet20.pth.tar", "classes": 10 }));
    let words = ["resnet20.pth.tar", "shape [1, 8, 8]", "cifar_resnet20 takes 3 channels"];
    fails(&resnet, Config, &words);
}
