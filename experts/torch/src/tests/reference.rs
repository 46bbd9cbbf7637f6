//! Real models, with PyTorch's logits for noisy test images.

use drs_tests::reference::{self, CLASSES, Reference, SHAPE};
use serde_json::json;

use super::{LEVELS, assert_fused, batch, largest_difference, network, values};

/// Logits of one form of a model.
fn logits(reference: &Reference, kind: &str, extension: &str, dtype: &str) -> Vec<f32> {
    let model = reference.file(extension);
    let network = network(&json!({ "kind": kind, "model": model, "dtype": dtype }), SHAPE).unwrap();
    assert_eq!(network.outputs(), CLASSES);
    assert_fused(network.unfused(), dtype);
    // In two halves, of a size that the plugin uses.
    let halves = reference.lattice.chunks(reference.lattice.len() / 2);
    let halves = halves.map(|half| network.logits(&batch(half, SHAPE), LEVELS).unwrap());
    halves.flat_map(|logits| values(&logits)).collect()
}

#[test]
fn logits_of_real_models_are_pytorch_s() {
    for reference in reference::all() {
        let forms =
            [("checkpoint", "pth.tar"), ("checkpoint", "safetensors"), ("torchscript", "pt")];
        for (kind, extension) in forms {
            let found = logits(&reference, kind, extension, "f32");
            let difference = largest_difference(&found, &reference.logits);
            println!("{}.{extension}: off by {difference:.1e}", reference.name);
            assert!(difference <= 1e-3, "{}.{extension} is off by {difference}", reference.name);
        }
        let found = logits(&reference, "checkpoint", "pth.tar", "bf16");
        let difference = largest_difference(&found, &reference.logits);
        println!("{}.pth.tar, bf16: off by {difference:.1e}", reference.name);
        assert!(difference <= 0.5, "{} in bf16 is off by {difference}", reference.name);
    }
}
