//! `drs bench` on the shipped example.

use drs_tests::{Place, example};

fn bench(args: &str) -> String {
    let experts = example().join("experts.toml");
    Place::new().drs_with(&format!("bench {args} --seconds 0.2 --experts"), &[&experts]).succeeds()
}

#[test]
fn every_model_is_measured() {
    let text = bench("--batch 16 --json");
    let models: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = models.iter().map(|model| model["model"].as_str().unwrap()).collect();
    assert_eq!(names, ["router", "s025", "s050", "s100"]);
    for model in &models {
        assert_eq!((&model["plugin"], &model["batch"]), (&"onnx".into(), &16.into()));
        let [raw, path, ratio, noise] =
            ["raw", "path", "ratio", "noise"].map(|field| model[field].as_f64().unwrap());
        assert!(raw > 0.0 && path > 0.0 && noise > 0.0, "{model}");
        assert!((ratio - path / raw).abs() < 1e-9, "{model}");
        assert!((0.0..1.0).contains(&model["trials"].as_f64().unwrap()), "{model}");
    }
}

#[test]
fn a_table_for_people() {
    let table = bench("");
    for word in ["raw /s", "path /s", "path/raw", "noise /s", "trials"] {
        assert!(table.lines().next().unwrap().contains(word), "{table}");
    }
    assert_eq!(table.lines().skip(5).filter(|line| line.contains(": ")).count(), 4, "{table}");
}

#[test]
fn a_model_that_fails_is_an_error() {
    let place = Place::new();
    let toml = "[input]\nshape = [1, 1, 2]\nquantum = \"1/255\"\n[[expert]]\nname = \"m\"\n\
                plugin = \"misbehaving\"\nconfig = { how = \"vote-out-of-range\" }\n";
    place.write("experts.toml", toml);
    place.drs("bench --seconds 0.2 --experts experts.toml").fails(1, &["misbehaving", "class 7"]);
    place.drs("bench --seconds 0 --experts experts.toml").fails(2, &["from 0.1 to 3600"]);
}
