//! The shipped JSON Schema against the records of the real binary.

use std::collections::BTreeSet;

use drs_tests::{Halfspaces, Place, root};
use jsonschema::Validator;
use serde_json::{Value, json};

fn schema() -> Value {
    let path = root().join("docs/schema/record-6.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

#[track_caller]
fn fits(validator: &Validator, line: &Value) {
    let told: Vec<String> = validator.iter_errors(line).map(|error| error.to_string()).collect();
    assert!(told.is_empty(), "{told:?}\n{line}");
}

/// Records of every method and every kind of sampling, with and without labels, and answers.
fn lines() -> Vec<Value> {
    let place = Place::new();
    let terms = "[[blend]]\nweights = { far = 1 }\n\
                 [[blend]]\nweights = { near = 2, far = 1 }\ncap = 0.05\nroute = [\"near\"]\noffset = 0.01\n";
    place.write("experts.toml", Halfspaces::pair().toml() + terms);
    let inputs = [[0, 40, 0, 0], [255, 250, 0, 9], [110, 120, 7, 7]];
    place.write_idx("data", [2, 2], &inputs.map(|input| (input.to_vec(), 1)));
    let mut lines = Vec::new();
    let mut read = |text: &str| {
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    };
    for method in ["one:far", "multiscale", "dual --two-sided", "set", "maxmin", "blend"] {
        for sampling in ["--sampling fixed", "--full", "--tol 0.1", "--radius 0.3"] {
            let args =
                format!("--n 300 --seed 5 --overwrite --out out.tsv --method {method} {sampling}");
            let certify = "certify --experts experts.toml --data data";
            let _ = place.drs(&format!("{certify} {args}")).succeeds();
            read(&place.read("out.jsonl"));
        }
    }
    let certify = "certify --experts experts.toml --data data --labels none --n 300 --out none.tsv";
    let _ = place.drs(certify).succeeds();
    read(&place.read("none.jsonl"));
    place.write("images/a.npy", npy(&[0, 40, 0, 0]));
    place.write("images/b.npy", npy(&[100, 127, 0, 0]));
    // Colours that are all gray: a conversion to tell of.
    place.write("images/c.ppm", "P3 2 2 255 9 9 9 8 8 8 7 7 7 0 0 0");
    let route = "route --experts experts.toml --n 300 --seed 1 --json";
    let images = "images/a.npy images/b.npy images/c.ppm";
    read(&place.drs(&format!("{route} {images}")).succeeds());
    lines
}

/// Four bytes as a NumPy array of one channel, 2 by 2.
fn npy(values: &[u8; 4]) -> Vec<u8> {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2), }";
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

/// Every object in a value, by its path.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.push(path.to_owned());
            map.iter().for_each(|(key, value)| objects(value, &format!("{path}/{key}"), found));
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| objects(value, &format!("{path}/{index}"), found)),
        _ => {}
    }
}

#[test]
fn every_line_of_the_binary_fits_and_a_field_more_or_less_does_not() {
    let validator = validator();
    for line in lines() {
        fits(&validator, &line);
        let mut places = Vec::new();
        objects(&line, "", &mut places);
        for place in places {
            let mut more = line.clone();
            more.pointer_mut(&place).unwrap()["surplus"] = json!(1);
            assert!(!validator.is_valid(&more), "{place} with a field more");
            let keys: Vec<String> =
                line.pointer(&place).unwrap().as_object().unwrap().keys().cloned().collect();
            for key in keys.iter().filter(|key| !OPTIONAL.contains(&key.as_str())) {
                let mut less = line.clone();
                less.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(key);
                assert!(!validator.is_valid(&less), "{place} without {key}");
            }
        }
    }
}

/// What a record may be without.
const OPTIONAL: [&str; 6] = ["blend", "cap", "conversion", "route", "others_alpha", "others_upper"];

#[test]
fn broken_records_do_not_fit() {
    let validator = validator();
    let lines = lines();
    let maxmin = lines.iter().find(|line| line["certificate"]["method"] == "maxmin").unwrap();
    let refused = |pointer: &str, value: Value| {
        let mut line = maxmin.clone();
        *line.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        assert!(!validator.is_valid(&line), "{pointer}\n{line}");
    };
    for (pointer, value) in [
        ("/certificate/version", json!(3)),
        ("/certificate/method", json!("best")),
        ("/certificate/classes", json!(1)),
        ("/certificate/distance", json!(-1e-9)),
        ("/certificate/protocol/n", json!(0)),
        ("/certificate/protocol/n", json!(2.5)),
        ("/certificate/protocol/alpha", json!(0)),
        ("/certificate/protocol/bounding", json!("none")),
        ("/certificate/protocol/sampling", json!("always")),
        ("/certificate/protocol/split/route", json!(1)),
        ("/certificate/provenance/seed", json!("abc")),
        ("/certificate/provenance/input/shape", json!([1, 2])),
        ("/certificate/provenance/input/quantum", json!("255")),
        ("/certificate/provenance/models/0/sigma", json!(0)),
        ("/certificate/provenance/models/0/plugin_sha256", json!("g".repeat(64))),
        ("/certificate/stages/0/phase", json!("prediction")),
        ("/certificate/stages/0/looks/0/0", json!(-1)),
        ("/certificate/stages/0/looks", json!([])),
        ("/certificate/bounds/0", json!({"guess": {}})),
        ("/certificate/verdict/radius", json!(-0.1)),
        ("/certificate/verdict/radius", json!(null)),
        ("/certificate/verdict/binds", json!("both")),
        ("/idx", json!(-1)),
        ("/correct", json!(1)),
    ] {
        refused(pointer, value);
    }
}

#[test]
fn every_field_of_the_schema_is_one_that_the_binary_writes() {
    let (schema, lines) = (schema(), lines());
    let mut written = BTreeSet::new();
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                found.insert(key.clone());
                keys(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    lines.iter().for_each(|line| keys(line, &mut written));
    let mut described = BTreeSet::new();
    fn properties(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(own) = map.get("properties").and_then(Value::as_object) {
                    assert_eq!(map.get("additionalProperties"), Some(&json!(false)), "{value}");
                    found.extend(own.keys().cloned());
                }
                map.values().for_each(|value| properties(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| properties(item, found)),
            _ => {}
        }
    }
    properties(&schema, &mut described);
    // Files of models: halfspace experts have none.
    let unseen: Vec<&String> = described.difference(&written).collect();
    // Of answers that a clock ended: only `drs serve` gives such (tests/clients).
    assert_eq!(unseen, ["cut"], "in the schema, not in any record");
    assert_eq!(written.difference(&described).count(), 0, "{written:?}");
}

#[test]
fn files_of_models_are_described() {
    let place = Place::new();
    let experts = drs_tests::example().join("experts.toml");
    let (image, _) = &drs_tests::example_images()[0];
    let args = "route --n 50 --n0 20 --seed 1 --json --experts";
    let line = place.drs_with(args, &[&experts, image]).succeeds();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert!(line["certificate"]["provenance"]["models"][0]["files"][0]["sha256"].is_string());
    fits(&validator(), &line);
}
