//! A digest covers every byte that decides a vote, and what was hashed is what is used.
#![cfg(unix)]

mod model;
mod places;
mod swaps;

use std::path::PathBuf;

use drs_tests::{Place, built};
use serde_json::Value;

use model::{DATA, Model};

/// The library of a plugin that was built for the tests.
fn library(name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    built().join(format!("{DLL_PREFIX}drs_expert_{name}{DLL_SUFFIX}"))
}

/// What a library is called that is found by the name of its plugin.
fn file_name(plugin: &str) -> String {
    library(plugin).file_name().unwrap().to_str().unwrap().to_owned()
}

const RUN: &str = "certify --experts experts.toml --data data --n 200 --seed 5 --method one:e";

/// A pool of one ONNX model with its weights in another file, pinned, and eight inputs.
fn place() -> Place {
    let place = Place::new();
    Model::bright().write(&place, "models/m.onnx");
    place.write("experts.toml", experts("onnx", "model = \"models/m.onnx\""));
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..8u8).map(|i| (vec![if i % 2 == 0 { 0 } else { 255 }, i, 0, 0], i % 2)).collect();
    place.write_idx("data", [2, 2], &inputs);
    place
}

fn experts(plugin: &str, config: &str) -> String {
    format!(
        "[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\n[[expert]]\nname = \"e\"\nplugin = \"{plugin}\"\nconfig = {{ {config} }}\n"
    )
}

/// Changes one byte, at which the file stays a model.
fn change(place: &Place, file: &str, at: impl Fn(&[u8]) -> usize) {
    let mut bytes = std::fs::read(place.path(file)).unwrap();
    let at = at(&bytes);
    bytes[at] ^= 1;
    place.write(file, bytes);
}

/// The identities of the model's files in the first record.
fn files(place: &Place, records: &str) -> Value {
    let line = place.read(records).lines().next().unwrap().to_owned();
    let record: Value = serde_json::from_str(&line).unwrap();
    record["certificate"]["provenance"]["models"][0]["files"].clone()
}

#[test]
fn any_byte_of_any_file_of_an_onnx_model_counts() {
    let in_graph = |bytes: &[u8]| {
        let name = model::PRODUCER.as_bytes();
        bytes.windows(name.len()).position(|found| found == name).unwrap()
    };
    for (file, name, at) in [
        ("models/m.onnx", "m.onnx", &in_graph as &dyn Fn(&[u8]) -> usize),
        (DATA, "m.onnx.data", &|_| 0),
        (DATA, "m.onnx.data", &|bytes: &[u8]| bytes.len() - 4),
    ] {
        let place = place();
        let _ = place.drs(&format!("{RUN} --out out.tsv")).succeeds();
        let names: Vec<Value> = files(&place, "out.jsonl")
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["name"].clone())
            .collect();
        assert_eq!(names, ["m.onnx", "m.onnx.data"]);
        let _ = place.drs(&format!("{RUN} --out part.tsv --shard 1/2")).succeeds();
        place.write("pinned.toml", place.read("experts.toml"));
        let _ = place.drs("expert pin pinned.toml").succeeds();
        let _ = place.drs("expert pin pinned.toml --check").succeeds();
        let replay = "verify out.jsonl --replay --experts experts.toml --data data";
        let _ = place.drs(replay).succeeds();
        // A run that stopped half-way.
        for results in ["out.tsv", "out.jsonl"] {
            let text = place.read(results);
            let kept: Vec<&str> = text.lines().take(4).collect();
            place.write(results, kept.join("\n") + "\n");
        }
        change(&place, file, at);
        let named = &[name][..];
        place.drs("expert pin pinned.toml --check").fails(1, &[named, &["its sha256 is"]].concat());
        place
            .drs(&format!("{} --out pinned.tsv", RUN.replace("experts.toml", "pinned.toml")))
            .fails(1, &[named, &["experts.toml expects"]].concat());
        place
            .drs(&format!("{RUN} --out out.tsv"))
            .fails(1, &[&format!("files[{name}].sha256"), "asked for"]);
        let _ = place.drs(&format!("{RUN} --out part.tsv --shard 2/2")).succeeds();
        place
            .drs("merge part.1-of-2.tsv part.2-of-2.tsv --out merged.tsv")
            .fails(1, &["of different runs", name]);
        let replayed = place.drs(replay);
        assert!(replayed.stdout.contains(&format!("files[{name}].sha256")), "{replayed}");
        replayed.fails(1, &["records are rejected"]);
    }
}

#[test]
fn weights_that_are_not_there_or_lie_elsewhere_are_named() {
    let run = format!("{RUN} --out out.tsv");
    let place = place();
    let data = place.path(DATA);
    std::fs::remove_file(&data).unwrap();
    place.drs(&run).fails(1, &["m.onnx.data", "No such file"]);
    // A link that leads out of the folder; one that stays is as good as a file.
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("secret");
    std::fs::write(&secret, Model::bright().data()).unwrap();
    std::os::unix::fs::symlink(&secret, &data).unwrap();
    place.drs(&run).fails(1, &["m.onnx.data", "lies elsewhere"]);
    std::fs::remove_file(&data).unwrap();
    place.write("models/store/1", Model::bright().data());
    std::os::unix::fs::symlink("store/1", &data).unwrap();
    let _ = place.drs(&run).succeeds();
    assert_eq!(files(&place, "out.jsonl")[1]["name"], "m.onnx.data");
}

#[test]
fn files_that_were_not_declared_are_refused_and_found() {
    let place = place();
    let marker = place.write("marker", "read in secret");
    let config = |how: &str| format!("how = \"{how}\", sigma = 0.25, marker = {marker:?}");
    place.write("experts.toml", experts("misbehaving", &config("names-the-undeclared")));
    for more in ["", "--isolate"] {
        let run = place.drs(&format!("{RUN} --out out.tsv {more}"));
        run.fails(1, &["marker", "did not declare", "Plugin::files"]);
    }
    let check = |how: &str| {
        place.write("experts.toml", experts("misbehaving", &config(how)));
        place.drs("expert check --experts experts.toml --rows 64")
    };
    let honest = check("behave");
    let found = check("reads-in-secret");
    if honest.stdout.contains("skip  files") {
        return drs_tests::skipped("this system does not tell which files a process opens");
    }
    assert!(honest.stdout.contains("pass  files"), "{honest}");
    assert_eq!(found.code, 1, "{found}");
    let finding = found.stdout.split("FAIL  files").nth(1).unwrap_or_else(|| panic!("{found}"));
    assert!(finding.contains(&marker.display().to_string()), "{found}");
    // What is declared is no finding.
    place.write("experts.toml", experts("onnx", "model = \"models/m.onnx\""));
    let onnx = place.drs("expert check --experts experts.toml --rows 64");
    assert!(onnx.stdout.contains("pass  files"), "{onnx}");
}
