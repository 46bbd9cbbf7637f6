//! Files made by PyTorch (`fixtures/generate.py`) hold what PyTorch says they hold.

use std::path::{Path, PathBuf};

use drs_checkpoint::{Checkpoint, read};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn assert_holds(name: &str, checkpoint: &Checkpoint, expected: &Value) {
    assert_eq!(checkpoint.arch.as_deref(), expected["arch"].as_str(), "{name}");
    assert_eq!(serde_json::json!(checkpoint.metadata), expected["metadata"], "{name}");
    let tensors = expected["tensors"].as_object().unwrap();
    let names: Vec<_> = checkpoint.tensors().keys().collect();
    let mut expected_names: Vec<_> = tensors.keys().collect();
    expected_names.sort();
    assert_eq!(names, expected_names, "{name}");
    for (key, expected) in tensors {
        let tensor = &checkpoint.tensors()[key];
        let place = format!("{name}: {key}");
        assert_eq!(tensor.dtype().to_string(), expected["dtype"].as_str().unwrap(), "{place}");
        assert_eq!(serde_json::json!(tensor.shape()), expected["shape"], "{place}");
        assert_eq!(tensor.data(), hex(&expected["bytes"]), "{place}");
        match expected.get("f32") {
            None => {
                let error = tensor.to_f32().unwrap_err().to_string();
                assert!(error.contains("expected a floating-point type"), "{place}: {error}");
            }
            Some(floats) => {
                // The bits, except that one NaN is as good as another.
                let bits = |f: f32| if f.is_nan() { f32::NAN.to_bits() } else { f.to_bits() };
                let found: Vec<u32> = tensor.to_f32().unwrap().into_iter().map(bits).collect();
                let expected: Vec<u32> = hex(floats)
                    .as_chunks()
                    .0
                    .iter()
                    .map(|chunk| bits(f32::from_le_bytes(*chunk)))
                    .collect();
                assert_eq!(found, expected, "{place}");
            }
        }
    }
}

#[test]
fn every_value_is_as_in_pytorch() {
    let expected = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let expected = expected.as_object().unwrap();
    assert_eq!(expected.len(), 22);
    for (name, expected) in expected {
        let checkpoint = read(&fixture(name)).unwrap_or_else(|error| panic!("{error}"));
        assert_holds(name, &checkpoint, expected);
    }
}

#[test]
fn the_format_is_told_by_the_content() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["zip.pth.tar", "legacy.pth.tar", "weights.safetensors"] {
        let path = folder.path().join("no-extension");
        std::fs::copy(fixture(name), &path).unwrap();
        assert_eq!(read(&path).unwrap(), read(&fixture(name)).unwrap(), "{name}");
    }
}

#[test]
fn code_is_refused_and_not_run() {
    const TRACE: &str = "drs-checkpoint-ran-code";
    for (kind, name) in [("system", "posix.system"), ("eval", "eval")] {
        for format in ["", "-legacy", "-protocol4"] {
            let path = fixture(&format!("evil-{kind}{format}.pth"));
            let error = read(&path).unwrap_err();
            assert_eq!(error.path(), path);
            let error = error.to_string();
            assert!(error.contains("it holds code: "), "{error}");
            assert!(error.contains(&format!("{name}; a checkpoint of tensors")), "{error}");
            assert!(error.contains("save its state_dict with torch.save"), "{error}");
            assert!(!Path::new(TRACE).exists() && !fixture(TRACE).exists());
        }
    }
}

#[test]
fn torchscript_is_told_apart() {
    let error = read(&fixture("torchscript.pt")).unwrap_err().to_string();
    assert!(error.contains("torchscript.pt: a TorchScript archive"), "{error}");
}
