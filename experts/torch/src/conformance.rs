//! The rules of `drs-conformance`. `DRS_TEST_DEVICE` names another device to
//! run them on, `DRS_TEST_MODELS` another folder of the models. Packages for another
//! device are in a folder of its name there (`tests/models/generate.py --cuda`).

use std::env;

use drs_conformance::{Subject, run};
use drs_plugins_api::in_process;
use serde_json::{Value, json};

use crate::plugin::{CPU_TOLERANCE, CUDA_TOLERANCE, TorchExpert};
use crate::tests::models;

fn keeps_the_rules(dtype: &str, draw: &str) {
    runs_by_the_rules("torchscript", "pt", dtype, draw);
}

fn runs_by_the_rules(kind: &str, ending: &str, dtype: &str, draw: &str) {
    let device = env::var("DRS_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let place =
        if kind == "export" && device != "cpu" { format!("{device}/") } else { String::new() };
    let model = |name: &str| -> Value {
        json!({
            "kind": kind, "model": format!("{place}{name}.{ending}"), "sigma": 0.25, "classes": 5,
            "device": device, "dtype": dtype, "draw": draw,
        })
    };
    let folder = models();
    let module = in_process::<TorchExpert>();
    let mut subject = Subject::new(module, [1, 8, 8], &folder, model("small"));
    subject.ties = Some((model("ties"), 1));
    subject.non_finite = Some(model("nan"));
    subject.rows = 512;
    subject.tolerance = if device == "cpu" { CPU_TOLERANCE } else { CUDA_TOLERANCE };
    let report = run(&subject);
    assert!(report.passed(), "{kind}, {dtype}, draw = {draw}\n{report}");
}

#[test]
fn f32_keeps_the_rules() {
    keeps_the_rules("f32", "host");
}

#[test]
fn bf16_keeps_the_rules() {
    keeps_the_rules("bf16", "host");
}

#[test]
fn device_noise_keeps_the_rules() {
    keeps_the_rules("f32", "device");
    keeps_the_rules("bf16", "device");
}

#[test]
fn packages_keep_the_rules() {
    let made = |device: &str| models().join(device).join("small.pt2").is_file();
    if env::var("DRS_TEST_DEVICE").is_ok_and(|device| device != "cpu" && !made(&device)) {
        return drs_tests::skipped("no package was compiled for the device");
    }
    runs_by_the_rules("export", "pt2", "f32", "host");
    runs_by_the_rules("export", "pt2", "f32", "device");
}
