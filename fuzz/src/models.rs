//! Checkpoints, ONNX files and experts.toml.

use std::path::Path;

use drs_checkpoint::Needs;
use drs_onnx_files::OnnxFile;
use drs_router::Config;

use super::folder;

/// PyTorch checkpoints and safetensors.
pub fn checkpoint(data: &[u8]) {
    let folder = folder(&[("model", data)]);
    let Ok(checkpoint) = drs_checkpoint::read(&folder.path().join("model")) else { return };
    for tensors in checkpoint.sets.iter().filter_map(|set| set.tensors.as_ref().ok()) {
        for tensor in tensors.values() {
            let _ = tensor.to_f32();
        }
    }
    let tensors = ["weight", "bias"].map(|name| (name.to_owned(), vec![None]));
    let needs = Needs { network: "any", tensors: &tensors, channels: 1 };
    for weights in [None, Some("ema")] {
        if let Ok(fitted) = checkpoint.fit(needs, weights) {
            let _ = fitted.front.normalisation((&[0.5], &[0.5]), None);
        }
    }
}

/// experts.toml: whatever it says, it is a configuration or an error.
pub fn experts_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Config::parse(Path::new("experts.toml"), text);
}

/// ONNX files, before any runtime opens them.
pub fn onnx(data: &[u8]) {
    let folder = folder(&[("model.onnx", data), ("model.data", &[0; 64])]);
    let path = folder.path().join("model.onnx");
    let Ok(Some(file)) = OnnxFile::read(&path, drs_memory::budget()) else { return };
    let _ = file.operators();
    let _ = file.data_files(&path);
    let _ = file.check_sizes(&path);
    let _ = file.check_rows(&path);
}
