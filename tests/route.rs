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
    for (rule, option) in
        [("dual", "--rule"), ("set", "--method"), ("maxmin", "--rule"), ("multiscale", "--method")]
    {
        let text = route(&Place::new(), &format!("--n 300 --seed 1 --json {option} {rule}"), 3);
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
fn predict_answers_with_the_class_alone_and_names_its_rule() {
    for rule in ["dual", "set", "maxmin"] {
        let args = format!("--predict --rule {rule} --n 200 --seed 1 --json");
        for line in route(&Place::new(), &args, 4).lines() {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            let prediction: Prediction =
                serde_json::from_value(answer["prediction"].clone()).unwrap();
            assert_eq!(prediction.method, rule);
            let models: Vec<&str> =
                prediction.stages.iter().map(|stage| stage.model.as_str()).collect();
            assert_eq!(models[0], "router");
            assert!(models.len() >= 2 && (rule != "dual" || models.len() == 2), "{models:?}");
            assert!(prediction.stages.iter().all(|stage| stage.draws() == 200), "all of n");
            assert_eq!(answer["class"].is_null(), prediction.class.is_none());
        }
    }
    let table = route(&Place::new(), "--predict --n 200 --seed 1", 2);
    assert!(!table.contains("binds") && table.contains("Ankle boot"), "{table}");
    assert!(
        table.contains("\nmaxmin; the class of the classifier that this method certifies"),
        "{table}"
    );
    assert!(table.contains("n = 200") && !table.contains("n0"), "{table}");
}

#[test]
fn predict_refuses_what_it_does_not_use() {
    let place = Place::new();
    for option in
        ["--radius 0.5", "--tol 0.1", "--full", "--two-sided", "--n0 10", "--sampling fixed"]
    {
        let run = place.drs(&format!("route --experts experts.toml --predict {option} a.png"));
        run.fails(2, &["--predict", option.split(' ').next().unwrap()]);
    }
}

/// A router that likes `near` most, which is sure of "high", but likes the two others more
/// together, which are sure of "low".
#[test]
fn predict_answers_for_the_classifier_that_is_certified() {
    let place = Place::new();
    let model = |weights: &str, sigma: f64, thresholds: &str, classes: &str| {
        format!(
            "plugin = \"halfspace\"\nconfig = {{ sigma = {sigma}, weights = {weights}, thresholds = {thresholds}, classes = [{classes}] }}\n"
        )
    };
    let classes = "\"low\", \"middle\", \"high\"";
    let toml = format!(
        "[input]\nshape = [1, 1, 2]\nquantum = \"1/255\"\n[router]\n{}\
         [[expert]]\nname = \"near\"\n{}[[expert]]\nname = \"far\"\n{}[[expert]]\nname = \"wide\"\n{}\
         [[blend]]\nweights = {{ far = 1 }}\n",
        model("[1.0, 0.0]", 1.0, "[-0.1, 0.7]", "\"near\", \"far\", \"wide\""),
        model("[1.0, 0.0]", 0.25, "[-3.0, -2.0]", classes),
        model("[1.0, 0.0]", 0.5, "[5.0, 6.0]", classes),
        model("[1.0, 0.0]", 0.5, "[5.0, 6.0]", classes),
    );
    place.write("experts.toml", toml);
    // The router: 46 % near, 30 % far, 24 % wide at 0.
    let image = image::GrayImage::from_pixel(2, 1, image::Luma([0]));
    image.save(place.path("a.png")).unwrap();
    let class = |args: &str| {
        let args = format!("route --experts experts.toml --seed 2 --json {args} a.png");
        let text = place.drs(&args).succeeds();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        answer["class"].as_str().map(str::to_owned)
    };
    for rule in ["maxmin", "blend"] {
        assert_eq!(class(&format!("--predict --rule {rule}")).as_deref(), Some("low"), "{rule}");
    }
    for rule in ["dual", "set"] {
        assert_eq!(class(&format!("--predict --rule {rule}")).as_deref(), Some("high"), "{rule}");
    }
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
