//! The rules of `drs-conformance`. No score ties and none is infinite: there
//! are no models for those rules.

use std::path::Path;

use drs_conformance::{Subject, run};
use drs_plugins_api::in_process;
use serde_json::json;

use crate::Halfspace;

#[test]
fn the_expert_keeps_the_rules() {
    let weights: Vec<f64> = (0..16).map(|i| f64::from(i % 5) - 1.5).collect();
    let config = json!({
        "sigma": 0.25,
        "weights": weights,
        "thresholds": [0.0, 3.5],
        "classes": ["low", "middle", "high"],
        "bands": [0, 2, 1],
    });
    let module = in_process::<Halfspace>();
    let report = run(&Subject::new(module, [1, 4, 4], Path::new("."), config));
    assert!(report.passed(), "{report}");
}
