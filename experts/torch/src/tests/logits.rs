//! Logits of whole networks are PyTorch's, and stay what they are.

use std::env;
use std::path::Path;

use drs_tests::skipped;
use serde_json::{Value, json};

use super::{
    LEVELS, answers, assert_fused, largest, largest_difference, lattice, models, network, values,
};

const SHAPE: [usize; 3] = [3, 32, 32];

fn resnet20(dtype: &str) -> Value {
    json!({ "kind": "checkpoint", "model": "resnet20.pth.tar", "dtype": dtype })
}

#[test]
fn a_checkpoint_answers_as_in_pytorch() {
    let expected = answers(&models().join("resnet20.csv"), "resnet20");
    let logits = |dtype: &str| {
        let network = network(&resnet20(dtype), SHAPE).unwrap();
        assert_eq!(network.outputs(), 10);
        assert_fused(network.unfused(), dtype);
        values(&network.logits(&lattice(4, SHAPE), LEVELS).unwrap())
    };
    let difference = largest_difference(&logits("f32"), &expected);
    assert!(difference <= 1e-3, "f32 is off by {difference}");
    let difference = largest_difference(&logits("bf16"), &expected);
    assert!(difference <= 0.05 * largest(&expected), "bf16 is off by {difference}");
    assert!(difference > 1e-3, "bf16 is no f32");
}

/// The interpreter must not rewrite what it runs, nor memory that is used again
/// show through.
#[test]
fn the_same_batch_gives_the_same_bits_every_time() {
    for dtype in ["f32", "bf16"] {
        let network = network(&resnet20(dtype), SHAPE).unwrap();
        let (one, other) = (lattice(8, SHAPE), lattice(16, SHAPE).narrow(0, 8, 8) * -1);
        let bits = |input| -> Vec<u32> {
            let logits = values(&network.logits(input, LEVELS).unwrap());
            logits.into_iter().map(f32::to_bits).collect()
        };
        let first = bits(&one);
        for call in 0..50 {
            assert_eq!(bits(&one), first, "{dtype}, call {call}");
            assert_ne!(bits(&other), first);
        }
    }
}

/// Too large for the repository: `DRS_RESNET50` names a folder that
/// `generate.py --resnet50` wrote.
#[test]
fn a_resnet50_answers_as_in_pytorch() {
    let Some(folder) = env::var_os("DRS_RESNET50") else {
        return skipped("DRS_RESNET50 is not set: logits of a ResNet-50 are not compared");
    };
    let folder = Path::new(&folder);
    let shape = [3, 224, 224];
    let expected = answers(&folder.join("logits.csv"), "resnet50");
    for (dtype, tolerance) in [("f32", 1e-4), ("bf16", 0.05)] {
        let model = folder.join("resnet50.pth.tar");
        let config = json!({ "kind": "checkpoint", "model": model, "dtype": dtype });
        let network = network(&config, shape).unwrap();
        assert_eq!((network.outputs(), network.unfused()), (1000, None), "{dtype}");
        let found = values(&network.logits(&lattice(1, shape), LEVELS).unwrap());
        let share = largest_difference(&found, &expected) / largest(&expected);
        println!("resnet50, {dtype}: off by {share:.1e} of the largest logit");
        assert!(share <= tolerance, "{dtype} is off by {share}");
    }
}
