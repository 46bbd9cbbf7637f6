//! The rules of `drs-conformance`, on the shipped models.

use std::path::Path;

use drs_conformance::{Subject, run};
use drs_plugins_api::in_process;
use serde_json::{Value, json};

use crate::expert::OrtExpert;

fn model(path: &str) -> Value {
    json!({ "model": path })
}

#[test]
fn the_expert_keeps_the_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["s025", "router"] {
        let good = model(&format!("../../examples/fashion-mnist/{name}.onnx"));
        let mut subject = Subject::new(in_process::<OrtExpert>(), [1, 28, 28], folder, good);
        subject.ties = Some((model("../onnx/tests/models/ties.onnx"), 1));
        subject.non_finite = Some(model("../onnx/tests/models/nan.onnx"));
        let report = run(&subject);
        assert!(report.passed(), "{name}\n{report}");
    }
}
