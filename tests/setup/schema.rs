//! The JSON Schema of experts.toml, beside what drs reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use drs_router::Config;
use drs_tests::{Halfspaces, Place, root};
use jsonschema::Validator;
use serde_json::{Value, json};

fn schema() -> Value {
    let path = root().join("docs/schema/experts.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

fn json_of(text: &str) -> Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap_or_else(|e| panic!("{e}\n{text}")))
        .unwrap()
}

fn reads(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("experts.toml"), text).map_err(|error| error.to_string())
}

/// Files with an ending, below the folders where we write any.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    let folders = ["docs", "examples", "cli/templates", "bench", "deploy"];
    let mut pending: Vec<PathBuf> = folders.iter().map(|name| root().join(name)).collect();
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                pending.push(entry);
            } else {
                found.push(entry);
            }
        }
    }
    found.retain(|path| path.to_str().is_some_and(|path| path.ends_with(ending)));
    found
}

/// What is between ```toml and ```.
fn blocks(text: &str) -> Vec<String> {
    let parts = text.split("```toml\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

/// The tables that blocks of the docs show without the rest.
const REST: [(&str, &str); 2] = [
    ("input", "[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\n"),
    ("expert", "[[expert]]\nname = \"rest\"\nplugin = \"halfspace\"\n"),
];

#[test]
fn every_pool_that_we_show_fits() {
    let validator = validator();
    let mut texts: Vec<(PathBuf, String)> = Vec::new();
    for path in files("experts.toml") {
        let text = std::fs::read_to_string(&path).unwrap();
        texts.push((path, text.replace("{{name}}", "mine")));
    }
    assert!(texts.len() >= 2, "the example and the template");
    let known: BTreeSet<String> = properties("/properties").into_keys().collect();
    for path in files(".md") {
        for mut block in blocks(&std::fs::read_to_string(&path).unwrap()) {
            let Ok(table) = block.parse::<toml::Table>() else { continue };
            // Others are Cargo's, of training, or of packages.
            let is_pool = table.get("expert").is_some_and(toml::Value::is_array);
            if !is_pool && table.keys().any(|key| !known.contains(key) || key == "expert") {
                continue;
            }
            let whole = table.contains_key("pool");
            for (_, rest) in REST.iter().filter(|(key, _)| !whole && !table.contains_key(*key)) {
                block = format!("{block}\n{rest}");
            }
            texts.push((path.clone(), block));
        }
    }
    assert!(texts.len() >= 8, "{texts:?}");
    for (path, text) in texts {
        let value = json_of(&text);
        let told: Vec<String> =
            validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(told.is_empty(), "{}: {told:?}\n{text}", path.display());
    }
}

/// What the schema knows at a place, with what it says of it.
fn properties(place: &str) -> BTreeMap<String, Value> {
    let schema = schema();
    let found = schema.pointer(place).and_then(Value::as_object);
    let found = found.unwrap_or_else(|| panic!("{place}"));
    found.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The names that an error lists behind "expected", as ``expected one of `a`, `b` ``.
fn listed(error: &str) -> BTreeSet<String> {
    let (_, expected) = error.split_once("unknown field").unwrap_or_else(|| panic!("{error}"));
    let (_, expected) = expected.split_once("expected").unwrap_or_else(|| panic!("{error}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

const POOL: &str = "#top\n[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\nresize = { side = 2 }\n#input\n\
    [router]\nplugin = \"halfspace\"\n#router\n[[expert]]\nname = \"a\"\nplugin = \"halfspace\"\n#expert\n\
    [alpha]\n#alpha\n[isolation]\n#isolation\n[[blend]]\nweights = { a = 1 }\n#blend\n";

#[test]
fn the_schema_knows_the_fields_that_drs_reads_and_no_others() {
    assert!(reads(POOL).is_ok() && validator().is_valid(&json_of(POOL)));
    for (mark, place) in [
        ("#top", "/properties"),
        ("#input", "/$defs/input/properties"),
        ("#router", "/$defs/router/properties"),
        ("#expert", "/$defs/expert/properties"),
        ("#alpha", "/$defs/alpha/properties"),
        ("#isolation", "/$defs/isolation/properties"),
        ("#blend", "/$defs/term/properties"),
        ("side = 2 }", "/$defs/resize/properties"),
    ] {
        let surplus = if mark.starts_with('#') { "surplus = 1" } else { "side = 2, surplus = 1 }" };
        let text = POOL.replacen(mark, surplus, 1);
        let mut known: BTreeSet<String> = properties(place).into_keys().collect();
        if mark == "#top" {
            // Read before all others, since it stands alone.
            assert!(known.remove("pool"));
            assert!(reads("pool = \"../a\"").unwrap_err().contains("expected a name"));
        }
        assert_eq!(listed(&reads(&text).unwrap_err()), known, "{mark}");
        assert!(!validator().is_valid(&json_of(&text)), "{mark}: a field more");
    }
}

#[test]
fn every_field_is_described_for_editors() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    let tables = definitions.iter().map(|(name, table)| (name.as_str(), table));
    for (name, table) in tables.chain([("", &schema)]) {
        let Some(properties) = table["properties"].as_object() else { continue };
        for (key, value) in properties {
            let referred = value["$ref"].as_str().and_then(|to| schema.pointer(&to[1..]));
            let described = referred.unwrap_or(value)["description"].as_str();
            assert!(described.is_some_and(|text| !text.is_empty()), "{name}.{key}");
        }
    }
}

#[test]
fn what_drs_refuses_the_schema_refuses() {
    let validator = validator();
    let good = Halfspaces::pair().toml();
    assert!(reads(&good).is_ok() && validator.is_valid(&json_of(&good)));
    let first = "name = \"near\"";
    for (from, to) in [
        ("\"1/255\"", "\"0.1\""),
        ("[1, 2, 2]", "[1, 0, 2]"),
        ("[1, 2, 2]", "[4]"),
        (first, "name = \"a b\""),
        (first, "name = \"router\""),
        (first, "name = \"near\"\nbatch = 0"),
        (first, "name = \"near\"\nsha256 = \"12\""),
        (first, "name = \"near\"\nisolation = \"thread\""),
        (first, "name = \"near\"\nfiles = { a = 1 }"),
        ("[router]", "[router]\nshares = \"near\""),
        ("[router]\n", "[alpha]\nroute = 1.0\n[router]\n"),
        ("[router]\n", "[isolation]\ntimeout = 0\n[router]\n"),
        ("[router]\n", "[[blend]]\noffset = 1.0\n[router]\n"),
        ("[input]", "pool = \"cifar10\"\n[input]"),
    ] {
        assert!(good.contains(from));
        let text = good.replacen(from, to, 1);
        assert!(reads(&text).is_err(), "{to}");
        assert!(!validator.is_valid(&json_of(&text)), "{to}");
    }
    assert!(validator.is_valid(&json!({ "pool": "cifar10@1.0" })));
    assert!(!validator.is_valid(&json!({})), "an empty file is no pool");
}

#[test]
fn the_keys_of_plugins_are_those_that_they_read() {
    let known: BTreeSet<String> = properties("/$defs/config/properties").into_keys().collect();
    // As the plugins list them.
    let place = Place::new();
    let mut asked = BTreeSet::new();
    for plugin in ["onnx", "ort"] {
        let mut command = place.command("expert inspect --shape 1,2,2 --config", &[]);
        let output = command.args(["{\"model\": \"a.onnx\", \"surplus\": 1}", plugin]).output();
        let said = String::from_utf8(output.unwrap().stderr).unwrap();
        asked.extend(listed(&said));
    }
    assert!(asked.len() > 8, "{asked:?}");
    let unknown: Vec<&String> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "read, but not in the schema: {unknown:?}");
    // All others are of torch, which is not built here.
    let text = std::fs::read_to_string(root().join("experts/torch/src/config.rs")).unwrap();
    for key in known.difference(&asked) {
        assert!(text.contains(&format!("pub(crate) {key}: ")), "{key}");
    }
}

#[test]
fn drs_prints_it() {
    let printed = Place::new().drs("init --print-schema").succeeds();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), schema());
}
