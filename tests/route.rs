//! `drs route` on the shipped example.

use std::path::Path;

use drs_core::certificate::Certificate;
use drs_core::certify::Prediction;
use drs_tests::{Place, example, example_images};

fn route(place: &Place, args: &str, images: usize) -> String {
    let experts = example().join("experts.toml");
    let images: Vec<_> = example_images().into_iter().map(|(path, _)| path).take(images).collect();
    let mut paths: Vec<&Path> = vec![&experts];
    paths.extend(images.iter().map(|path| path.as_path()));
    place.drs_with(&format!("route {args} --experts"), &paths).succeeds()
}

#[test]
fn a_table_for_people() {
    let table = route(&Place::new(), "--n 300 --seed 1", 3);
    for word in ["input", "class", "expert", "sigma", "radius", "binds", "draws", "time"] {
        assert!(table.lines().next().unwrap().contains(word), "{word}\n{table}");
    }
    assert!(table.contains("01-ankle-boot.png") && table.contains("Ankle boot"), "{table}");
    assert!(table.contains("maxmin") && table.contains("n = 300"), "{table}");
}

#[test]
fn json_for_machines() {
    for rule in ["dual", "set", "maxmin"] {
        let text = route(&Place::new(), &format!("--n 300 --seed 1 --json --rule {rule}"), 3);
        assert_eq!(text.lines().count(), 3);
        for line in text.lines() {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            let certificate: Certificate =
                serde_json::from_value(answer["certificate"].clone()).unwrap();
            assert_eq!(certificate.method, rule);
            let provenance = certificate.provenance.as_ref().unwrap();
            assert_eq!(provenance.models[0].files[0].name, "router.onnx");
            assert_eq!(answer["class"].is_null(), certificate.verdict.class.is_none());
        }
    }
}

#[test]
fn the_radius_agrees_with_certify_under_one_seed() {
    let place = Place::new();
    let (path, label) = example_images().swap_remove(1);
    place.write(&format!("data/{label}/x.png"), std::fs::read(path).unwrap());
    let experts = example().join("experts.toml");
    let args = "certify --data data --out out.tsv --n 300 --seed 1 --tol 0.05 --experts";
    let _ = place.drs_with(args, &[&experts]).succeeds();
    let record: serde_json::Value = serde_json::from_str(place.read("out.jsonl").trim()).unwrap();
    let routed = route(&place, "--n 300 --seed 1 --json", 2);
    let routed: serde_json::Value = serde_json::from_str(routed.lines().nth(1).unwrap()).unwrap();
    assert_eq!(routed["certificate"], record["certificate"]);
}

#[test]
fn predict_answers_with_the_class_alone() {
    let text = route(&Place::new(), "--predict --n 200 --seed 1 --json", 4);
    for line in text.lines() {
        let answer: serde_json::Value = serde_json::from_str(line).unwrap();
        let prediction: Prediction = serde_json::from_value(answer["prediction"].clone()).unwrap();
        let votes: Vec<u64> = prediction.stages.iter().map(|stage| stage.draws()).collect();
        assert_eq!(votes, [200, 200], "both stages draw n");
    }
    let table = route(&Place::new(), "--predict --n 200 --seed 1", 2);
    assert!(!table.contains("radius") && table.contains("Ankle boot"), "{table}");
}

#[test]
fn fresh_entropy_is_kept_in_the_record() {
    let seed = || {
        let text = route(&Place::new(), "--n 100 --json", 1);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        answer["certificate"]["provenance"]["seed"].as_str().unwrap().to_owned()
    };
    let (first, second) = (seed(), seed());
    assert!(first.len() == 64 && first != second, "{first} {second}");
    // The recorded seed gives the same certificate again.
    let again = |seed: &str| {
        let text = route(&Place::new(), &format!("--n 100 --json --seed {seed}"), 1);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        answer["certificate"].clone()
    };
    assert_eq!(again(&first), again(&first));
}
