//! Where plugins are looked for, and what is not loaded.

use drs_tests::Place;
use serde_json::Value;

use super::{RUN, experts, file_name, library, place};

/// A library that is no plugin: whoever loads it says so.
const PLANTED: &str = "no_plugin";
const LOADED: &str = "does not export an expert";

fn plant(place: &Place, file: &str) {
    place.write(file, std::fs::read(library(PLANTED)).unwrap());
}

#[test]
fn the_names_of_drs_own_plugins_mean_those_beside_it() {
    let place = place();
    for plugin in ["onnx", "halfspace", "torch"] {
        plant(&place, &file_name_of(plugin));
        plant(&place, &format!("more/{}", file_name_of(plugin)));
    }
    let more = place.path("more").display().to_string();
    for folders in ["", ":", "/nowhere:", ":/nowhere", ".", "more", &more] {
        let mut command = place.command(&format!("{RUN} --out out.tsv --overwrite"), &[]);
        let output = command.env("DRS_PLUGIN_PATH", folders).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "\"{folders}\": {said}");
    }
    // A path means what it says.
    place.write("experts.toml", experts(&format!("./{}", file_name("onnx")), "model = \"m\""));
    place.drs(&format!("{RUN} --out other.tsv")).fails(1, &[LOADED]);
}

fn file_name_of(plugin: &str) -> String {
    file_name("onnx").replace("onnx", plugin)
}

#[test]
fn a_look_runs_no_library_of_the_working_directory() {
    let place = place();
    for plugin in ["onnx", "planted"] {
        plant(&place, &file_name_of(plugin));
    }
    for folders in [":", "."] {
        let drs = |args: &str| {
            let mut command = place.command(args, &[]);
            let output = command.env("DRS_PLUGIN_PATH", folders).output().unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (text(&output.stdout), text(&output.stderr))
        };
        let (listed, _) = drs("expert list");
        assert!(!listed.contains("planted"), "{listed}");
        let (listed, _) = drs("expert list --experts experts.toml --json");
        let places: Vec<Value> = serde_json::from_str(&listed).unwrap();
        let beside = places[0]["plugins"].as_array().unwrap();
        assert_eq!(beside.len(), 2, "{listed}");
        for found in beside {
            let silent = found["plugin"].is_null() && found["problem"].is_null();
            assert!(silent && found["sha256"].is_string(), "loaded: {found}");
        }
        let (inspected, _) = drs("expert inspect onnx");
        assert!(inspected.starts_with("onnx: plugin onnx "), "{inspected}");
        let (_, said) = drs("expert inspect planted");
        assert!(said.contains("\"planted\" not found"), "{said}");
    }
}

#[test]
fn checking_pins_loads_nothing() {
    let place = place();
    let own = file_name("onnx");
    std::fs::copy(library("onnx"), place.path(&own)).unwrap();
    place.write("experts.toml", experts(&format!("./{own}"), "model = \"models/m.onnx\""));
    let _ = place.drs("expert pin experts.toml").succeeds();
    let pinned = place.read("experts.toml");
    let _ = place.drs("expert pin experts.toml --check").succeeds();
    plant(&place, &own);
    let run = place.drs("expert pin experts.toml --check");
    assert!(!run.stderr.contains(LOADED), "{run}");
    run.fails(1, &["e: plugin", &own, "its sha256 is", "missing or wrong"]);
    assert_eq!(place.read("experts.toml"), pinned, "a check changes nothing");
    // To write pins the plugin is asked.
    place.drs("expert pin experts.toml").fails(1, &[LOADED]);
    // A file that is named but not pinned.
    std::fs::copy(library("onnx"), place.path(&own)).unwrap();
    let start = pinned.find("files = ").unwrap();
    place.write("experts.toml", &pinned[..start]);
    place.drs("expert pin experts.toml --check").fails(1, &["m.onnx: not pinned"]);
}
