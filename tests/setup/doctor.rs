//! `drs doctor` and `drs --version --verbose`, beside plugins of our choice.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::Path;
use std::process::{Command, Output};

use drs_tests::{Place, built};
use serde_json::Value;

fn library(name: &str) -> String {
    format!("{DLL_PREFIX}drs_expert_{name}{DLL_SUFFIX}")
}

/// A folder with drs and these of its plugins.
fn installed(plugins: &[&str]) -> Place {
    let place = Place::new();
    let beside = |name: &str| std::fs::copy(built().join(name), place.path(name)).unwrap();
    beside("drs");
    for name in plugins {
        beside(&library(name));
    }
    place
}

/// Runs the copy, with nothing of the machine's own in its environment.
fn run(place: &Place, args: &str, set: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(place.path("drs"));
    command.args(args.split_whitespace()).current_dir(place.path(""));
    for name in ["ORT_DYLIB_PATH", "DRS_PLUGIN_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"] {
        command.env_remove(name);
    }
    command.env("XDG_DATA_HOME", place.path("data")).env("XDG_CACHE_HOME", place.path("cache"));
    command.envs(set.iter().copied()).output().unwrap()
}

/// What the doctor said of each thing, and the exit code.
fn doctor(place: &Place, set: &[(&str, &Path)]) -> (Vec<Value>, i32) {
    let output = run(place, "doctor --json", set);
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let checks = told["checks"].as_array().unwrap().clone();
    let bad = checks.iter().filter(|check| check["state"] == "bad").count();
    assert_eq!(told["bad"], bad);
    for check in &checks {
        assert_eq!(check["mend"].is_null(), check["state"] == "ok", "{check}");
    }
    (checks, output.status.code().unwrap())
}

#[track_caller]
fn state<'a>(checks: &'a [Value], name: &str) -> (&'a str, &'a str) {
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("{name}: {checks:#?}"));
    (check["state"].as_str().unwrap(), check["found"].as_str().unwrap())
}

#[test]
fn what_is_missing_is_no_error() {
    let place = installed(&["onnx"]);
    let (checks, code) = doctor(&place, &[]);
    assert_eq!(code, 0, "{checks:#?}");
    for name in ["drs", "cores", "memory", "packages"] {
        assert_eq!(state(&checks, name).0, "ok", "{name}");
    }
    let (onnx, found) = state(&checks, "plugin onnx");
    assert!(onnx == "ok" && found.contains("opens a model"), "{found}");
    for name in ["plugin ort", "plugin torch", "plugin halfspace", "drs-train"] {
        assert_eq!(state(&checks, name).0, "none", "{name}");
    }
    let text = String::from_utf8(run(&place, "doctor", &[]).stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let torch = lines.iter().position(|line| line.starts_with("none  plugin torch")).unwrap();
    assert!(lines[torch + 1].starts_with("      cargo xtask torch"), "{text}");
    assert_eq!(lines.last(), Some(&"nothing is broken"));
}

#[test]
fn a_plugin_that_does_not_load_is_broken() {
    let place = installed(&["onnx"]);
    place.write(&library("halfspace"), "no library");
    // Not for want of libtorch.
    place.write(&library("torch"), "no library");
    let (checks, code) = doctor(&place, &[]);
    assert_eq!(code, 1, "{checks:#?}");
    for name in ["plugin halfspace", "plugin torch"] {
        let (state, found) = state(&checks, name);
        assert!(state == "bad" && found.contains("does not load"), "{name}: {found}");
    }
    assert_eq!(state(&checks, "plugin onnx").0, "ok", "the others are as they were");
}

#[test]
fn a_runtime_that_loads_no_model_is_broken() {
    let place = installed(&["ort"]);
    let named = place.write("libonnxruntime.so.9.9.9", "no library");
    let (checks, code) = doctor(&place, &[("ORT_DYLIB_PATH", &named)]);
    let (state, found) = state(&checks, "ONNX Runtime");
    assert_eq!((code, state), (1, "bad"), "{found}");
    assert!(found.contains("libonnxruntime.so.9.9.9"), "{found}");
}

#[test]
fn a_runtime_that_works_is_told_with_its_version() {
    let Ok(library) = drs_ort_library::find() else {
        return drs_tests::skipped("no ONNX Runtime on this machine");
    };
    let place = installed(&["ort"]);
    let (checks, code) = doctor(&place, &[("ORT_DYLIB_PATH", &library)]);
    let (state, found) = state(&checks, "ONNX Runtime");
    assert_eq!((code, state), (0, "ok"), "{found}");
    assert!(found.contains("opens a model"), "{found}");
}

#[test]
fn places_that_cannot_be_used_are_told() {
    let place = installed(&[]);
    let (checks, code) = doctor(&place, &[]);
    assert_eq!((code, state(&checks, "temporary folder").0), (0, "ok"));
    // Whether the plugin is in drs or beside it, it is loaded from there.
    for place in [&place, &installed(&["onnx"])] {
        let (checks, code) = doctor(place, &[("TMPDIR", &place.path("absent"))]);
        for name in ["temporary folder", "plugin onnx"] {
            let (found, words) = state(&checks, name);
            assert!((code, found) == (1, "bad") && words.contains("absent"), "{name}: {words}");
        }
    }
    place.write("data/drs/packages/names/broken/1.0.0.json", "{}");
    let (checks, code) = doctor(&place, &[]);
    let (packages, found) = state(&checks, "packages");
    assert!((code, packages) == (1, "bad") && found.contains("1.0.0.json"), "{found}");
}

#[test]
fn the_version_is_short_unless_all_of_it_is_asked_for() {
    let place = installed(&["onnx"]);
    let said = |args| String::from_utf8(run(&place, args, &[]).stdout).unwrap();
    let short = format!("drs {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((said("--version"), said("-V")), (short.clone(), short.clone()));
    let long = said("--version --verbose");
    assert_eq!(said("--verbose --version"), long);
    assert!(long.starts_with(&short), "{long}");
    let digest = drs_router::file_digest(&place.path(&library("onnx"))).unwrap();
    for words in [
        drs_packages::TARGET.to_owned(),
        format!("plugin interface  {}", drs_plugins_api::abi::VERSION),
        format!("onnx            {} sha256 {digest}", env!("CARGO_PKG_VERSION")),
        "torch           not there".to_owned(),
        "drs-train         not beside drs".to_owned(),
    ] {
        assert!(long.contains(&words), "{words}\n{long}");
    }
    let alone = run(&place, "--verbose doctor", &[]);
    assert_eq!(alone.status.code(), Some(2), "it means nothing without --version");
}
