//! ONNX Runtime's answers, beside PyTorch's and from several threads at once.

use std::path::{Path, PathBuf};

use drs_onnx_files::Adapter;
use drs_plugins_api::Batch;
use serde_json::{Value, json};

use crate::config::Own;
use crate::expert::{LEAST, read};
use crate::sessions::Sessions;

struct Model(Adapter, Sessions);

impl Model {
    fn open(path: &Path, shape: [usize; 3], mut config: Value) -> Self {
        config["model"] = json!(path);
        let config = serde_json::from_value(config).unwrap();
        let signature = read(path).unwrap().signature();
        let adapter = Adapter::new(path, &signature, &config, shape, u64::MAX).unwrap();
        Self(adapter, Sessions::open(path, Own::default()).unwrap().unwrap())
    }

    fn scores(&self, batch: &Batch<'_>) -> Vec<f32> {
        let Self(adapter, sessions) = self;
        adapter.scores(batch, LEAST, |rows, floats| sessions.run(adapter, rows, floats)).unwrap()
    }
}

fn shipped() -> Model {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../../examples/fashion-mnist/s025.onnx"].iter().collect();
    Model::open(&path, [1, 28, 28], json!({}))
}

/// Grey levels without a pattern.
fn lattice(count: i64) -> Vec<i16> {
    (0..count * 784).map(|i| i16::try_from(i * i * 7919 % 65521 % 511 - 128).unwrap()).collect()
}

#[test]
fn logits_of_real_models_are_pytorch_s() {
    for reference in drs_tests::reference::all() {
        let shape = drs_tests::reference::SHAPE;
        let model = Model::open(&reference.file("onnx"), shape, json!({}));
        let rows = reference.logits.len() / drs_tests::reference::CLASSES;
        let found = model.scores(&Batch::new(&reference.lattice, rows, shape, 255).unwrap());
        assert_eq!(found.len(), reference.logits.len());
        let differences = found.iter().zip(&reference.logits).map(|(a, b)| (a - b).abs());
        // NaN is larger than everything here.
        let largest = differences.max_by(f32::total_cmp).unwrap();
        println!("{}.onnx: off by {largest:.1e}", reference.name);
        assert!(largest <= 1e-3, "{} is off by {largest}", reference.name);
    }
}

#[test]
fn scores_do_not_depend_on_the_batch() {
    let (model, lattice) = (shipped(), lattice(20));
    let whole = model.scores(&Batch::new(&lattice, 20, [1, 28, 28], 255).unwrap());
    for size in [1, 3, 7] {
        for (part, expected) in lattice.chunks(size * 784).zip(whole.chunks(size * 10)) {
            let batch = Batch::new(part, part.len() / 784, [1, 28, 28], 255).unwrap();
            assert_eq!(model.scores(&batch), expected, "batches of {size}");
        }
    }
}

#[test]
fn calls_at_once_have_sessions_of_their_own() {
    let (model, lattice) = (shipped(), lattice(16));
    let batch = Batch::new(&lattice, 16, [1, 28, 28], 255).unwrap();
    let alone = model.scores(&batch);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(model.scores(&batch), alone)));
        }
    });
}
