//! `drs expert`: real libraries, good and bad, from a safe distance.
#![cfg(unix)]

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::PathBuf;

use drs_tests::{Halfspaces, Place, built, example};
use serde_json::Value;

fn library(name: &str) -> PathBuf {
    built().join(format!("{DLL_PREFIX}drs_expert_{name}{DLL_SUFFIX}"))
}

fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A misbehaving plugin under the suite; JSON and exit code.
fn check(how: &str) -> (Value, i32) {
    let place = Place::new();
    let config = format!(r#"{{"how":"{how}","sigma":0.25}}"#);
    let mut command = place.command("expert check --json --rows 64 --shape 1,2,2 --timeout 3", &[]);
    command.args(["--config", &config]).arg(library("misbehaving"));
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let report = json(&text).pop().unwrap_or_else(|| panic!("{how}: no report\n{said}"));
    (report, output.status.code().unwrap_or(-1))
}

fn failures(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let failed = findings.filter(|finding| finding["outcome"] == "fail");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    failed.map(|finding| (text(finding, "name"), text(finding, "seen"))).collect()
}

#[test]
fn a_good_expert_passes() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let run = place.drs("expert check --experts experts.toml --rows 64 --json").succeeds();
    let reports = json(&run);
    let names: Vec<&str> = reports.iter().map(|report| report["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["router", "near", "far"]);
    for report in &reports {
        assert_eq!(report["passed"], true, "{report}");
        assert!(report["findings"].as_array().unwrap().len() > 15, "{report}");
    }
    let text = place.drs("expert check --experts experts.toml --name far --rows 64").succeeds();
    assert!(text.contains("pass  neighbours") && text.contains(" 0 failed"), "{text}");
}

#[test]
fn each_misbehaviour_is_found_by_its_rule() {
    for (how, rule, seen) in [
        ("panic-in-open", "opens", "panicked"),
        ("abort-in-open", "opens", "died of signal 6 (abort)"),
        ("hang-in-open", "opens", "gave no answer within 3 s"),
        ("panic-in-vote", "opens", "panicked"),
        ("one-class", "manifest", "classes"),
        ("other-shape", "manifest", "shape"),
        ("vote-out-of-range", "votes", "7"),
        ("sigma-changes", "manifest", "sigma"),
        ("abort", "", "died of signal 6 (abort)"),
        ("segmentation-fault", "", "died of signal 11 (segmentation fault)"),
        ("exit", "", "exited with code 3"),
        ("exit-zero", "", "exited with code 0"),
        ("exit-zero-in-open", "opens", "exited with code 0"),
        ("panic-in-manifest", "opens", "panicked"),
        ("nan-logits", "opens", "NaN"),
        ("hang", "", "gave no answer within 3 s"),
        ("write-past-the-end", "", ""),
        ("remembers", "history", ""),
        ("neighbours", "neighbours", ""),
        ("too-few-votes", "votes", ""),
    ] {
        let (report, code) = check(how);
        assert_eq!((code, &report["passed"]), (1, &Value::Bool(false)), "{how}: {report}");
        let failed = failures(&report);
        let found = failed
            .iter()
            .any(|(name, told)| (rule.is_empty() || name == rule) && told.contains(seen));
        assert!(found, "{how}: {failed:#?}");
    }
    let (report, code) = check("behave");
    assert_eq!(code, 0, "{:#?}", failures(&report));
}

#[test]
fn libraries_that_are_no_plugins_are_told_from_plugins() {
    let place = Place::new();
    for (name, words) in [
        ("no_plugin", "does not export an expert"),
        ("other_version", "rebuild it against drs-plugins-api"),
        ("other_layout", "rebuild it against drs-plugins-api"),
        ("needs_library", "drs_absent"),
    ] {
        let path = library(name);
        place.drs_with("expert inspect", &[&path]).fails(1, &[name, words]);
    }
    place.drs("expert inspect nobody_has_this").fails(1, &["nobody_has_this", "DRS_PLUGIN_PATH"]);
    let inspected = place.drs_with("expert inspect --json", &[&library("misbehaving")]).succeeds();
    assert_eq!(json(&inspected)[0]["plugin"]["name"], "misbehaving");
    let mut command = place.command("expert inspect misbehaving --shape 1,2,2 --config", &[]);
    let output = command.arg(r#"how = "other-shape""#).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("its inputs are 1x3x2, 1x2x2 was asked for (--shape"), "{said}");
    let config = r#"how = "abort-in-open""#;
    let mut command = place.command("expert inspect misbehaving --shape 1,2,2 --config", &[]);
    let output = command.arg(config).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("misbehaving") && said.contains("died of signal 6 (abort)"), "{said}");
}

#[test]
fn plugins_are_listed_where_they_are_found() {
    let place = Place::new();
    std::fs::create_dir(place.path("mine")).unwrap();
    let copy = place.path(&format!("mine/{DLL_PREFIX}drs_expert_halfspace{DLL_SUFFIX}"));
    std::fs::copy(library("halfspace"), &copy).unwrap();
    place.write(&format!("mine/{DLL_PREFIX}drs_expert_broken{DLL_SUFFIX}"), "no library");
    let mut command = place.command("expert list --json", &[]);
    let output = command.env("DRS_PLUGIN_PATH", place.path("mine")).output().unwrap();
    let places = json(&String::from_utf8_lossy(&output.stdout)).pop().unwrap();
    let mine = places.as_array().unwrap().iter();
    let mine = mine.clone().find(|at| at["folder"].as_str().unwrap().ends_with("mine")).unwrap();
    let plugins = mine["plugins"].as_array().unwrap();
    let names: Vec<&str> = plugins.iter().map(|found| found["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["broken", "halfspace"]);
    assert!(plugins[0]["problem"].is_string() && plugins[0]["plugin"].is_null());
    assert_eq!(plugins[1]["plugin"]["name"], "halfspace");
    // The one beside drs comes later.
    let all: Vec<&Value> = places
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|at| at["plugins"].as_array().unwrap())
        .collect();
    let hidden = all.iter().find(|found| found["name"] == "halfspace" && found["hidden"] == true);
    assert!(hidden.is_some(), "{all:#?}");
}

#[test]
fn pins_are_written_kept_and_enforced() {
    let place = Place::new();
    for file in ["router.onnx", "s025.onnx", "s050.onnx", "s100.onnx"] {
        place.write(file, std::fs::read(example().join(file)).unwrap());
    }
    let text = std::fs::read_to_string(example().join("experts.toml")).unwrap();
    place.write("experts.toml", &text);
    place.drs("expert pin experts.toml --check").fails(1, &["missing or wrong"]);
    assert_eq!(place.read("experts.toml"), text, "a check changes nothing");
    let _ = place.drs("expert pin experts.toml").succeeds();
    let pinned = place.read("experts.toml");
    assert_eq!(pinned.matches("sha256 = ").count(), 4, "{pinned}");
    assert!(pinned.contains("files = { \"s050.onnx\" = \""), "{pinned}");
    for line in text.lines() {
        assert!(pinned.contains(line), "lost: {line}\n{pinned}");
    }
    let again = place.drs("expert pin experts.toml --check");
    assert!(again.stderr.contains("every pin is right"), "{again}");
    let _ = again.succeeds();
    let image = example().join("images/00-bag.png");
    let route = "route --experts experts.toml --n 100 --rule dual";
    let _ = place.drs_with(route, &[&image]).succeeds();
    // Another model under the name.
    place.write("s050.onnx", std::fs::read(example().join("s100.onnx")).unwrap());
    let words =
        ["expert s050", "s050.onnx", "its sha256 is", "experts.toml expects", "drs expert pin"];
    place.drs_with(route, &[&image]).fails(1, &words);
    place.drs_with(&format!("{route} --isolate"), &[&image]).fails(1, &words);
    place.drs("expert pin experts.toml --check").fails(1, &["missing or wrong"]);
    // A model made of a file that is not pinned.
    place.write("s050.onnx", std::fs::read(example().join("s050.onnx")).unwrap());
    place.write("experts.toml", pinned.replace("{ \"s050.onnx\"", "{ \"s025.onnx\""));
    place.drs_with(route, &[&image]).fails(1, &["s025.onnx", "its sha256 is"]);
    let own = pinned.split("\"s025.onnx\" = \"").nth(1).unwrap()[..64].to_owned();
    let other = pinned.split("\"s050.onnx\" = \"").nth(1).unwrap()[..64].to_owned();
    let swapped = pinned.replace(
        &format!("{{ \"s050.onnx\" = \"{other}\""),
        &format!("{{ \"s025.onnx\" = \"{own}\""),
    );
    place.write("experts.toml", swapped);
    place.drs_with(route, &[&image]).fails(1, &["s050.onnx", "pins only others"]);
    // Another plugin under the name.
    place.write("experts.toml", pinned.replacen("sha256 = \"", "sha256 = \"0", 1));
    place.drs_with(route, &[&image]).fails(1, &["sha256"]);
}

/// Eighty inputs on both sides of both thresholds, those of each label one after the other.
fn labelled(place: &Place, swapped: bool) {
    let inputs: Vec<(Vec<u8>, u8)> = (0..80u8)
        .map(|i| {
            let is_high = i >= 40;
            let value = if is_high { 220 } else { 10 } + i % 30;
            (vec![value, 120 + i, 0, i], u8::from(is_high != swapped))
        })
        .collect();
    place.write_idx("data", [2, 2], &inputs);
}

#[test]
fn data_tells_how_often_each_expert_is_right() {
    let place = Place::new();
    let mut pool = Halfspaces::pair();
    // One that has a single answer.
    pool.experts.push(("stuck", 0.25, 0, 2000.5));
    pool.router = None;
    place.write("experts.toml", pool.toml());
    labelled(&place, false);
    let run = "expert check --experts experts.toml --rows 64 --data data";
    let found = place.drs(run);
    assert_eq!(found.code, 0, "{found}");
    assert!(found.stdout.contains("80 inputs, 16 noisy copies of each"), "{found}");
    assert!(found.stdout.contains("most frequent answer"), "{found}");
    let warnings: Vec<&str> =
        found.stderr.lines().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(warnings.len(), 1, "{found}");
    assert!(warnings[0].contains("expert stuck: class 0 is the answer for 80 of 80"), "{found}");

    let figures = json(&place.drs(&format!("{run} --json")).succeeds());
    let figures = &figures[figures.len() - 3..];
    let right = |place: usize| figures[place]["right"]["percent"].as_f64().unwrap();
    assert!(right(0) > 85.0 && right(1) > 70.0, "{figures:?}");
    assert_eq!((figures[2]["name"].as_str(), right(2)), (Some("stuck"), 50.0));
    assert_eq!(figures[2]["most_frequent"]["class"], "low");
    assert_eq!(figures[2]["most_frequent"]["percent"], 100.0);
    assert_eq!(figures[0]["chance"], 50.0);
    assert_eq!(figures[0]["warning"], Value::Null);

    // Labels in another order than the experts' classes.
    labelled(&place, true);
    let found = place.drs(&format!("{run} --name near"));
    assert!(found.stderr.contains("warning: expert near: "), "{found}");
    assert!(found.stderr.contains("guessing gives 40") && !found.stderr.contains("far"), "{found}");
    // Few inputs tell nothing.
    let few = place.drs(&format!("{run} --name near --inputs 10"));
    assert!(few.stderr.contains("fewer than 50") && !few.stderr.contains("warning"), "{few}");
    place.drs(&format!("{run} --labels none")).fails(1, &["has no label", "--labels FILE"]);
}
