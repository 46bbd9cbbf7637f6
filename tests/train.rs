//! `drs train`: through the real program, on experts whose votes are known.

use std::collections::BTreeMap;
use std::fs::File;

use drs_tests::{Halfspaces, Place, built_torch};
use ndarray::{Array1, Array3};
use ndarray_npy::ReadNpyExt as _;
use statrs::distribution::{ContinuousCDF as _, Normal};
use zip::ZipArchive;

const DRAWS: u32 = 1000;
const INPUTS: usize = 520;

/// The analytic pair and inputs around its thresholds; the last value tells them apart.
fn place() -> Place {
    built_torch();
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let value = |i: usize| (60 + (i * 37) % 100) as u8;
    let input = |i: usize| {
        let values = vec![value(i), (88 + (i * 53) % 80) as u8, (i / 100) as u8, 0];
        (values, u8::from(value(i) > 110))
    };
    place.write_idx("data", [2, 2], &(0..INPUTS).map(input).collect::<Vec<_>>());
    place
}

fn label(more: &str) -> String {
    format!(
        "train label --experts experts.toml --data data --split test --out labels --draws {DRAWS} --seed 4 {more}"
    )
}

/// Votes of all inputs by input, expert and class.
fn votes(place: &Place) -> BTreeMap<i64, (i64, Vec<[u32; 2]>)> {
    let mut all = BTreeMap::new();
    for part in 0..2 {
        let file = File::open(place.path(&format!("labels/part-00000{part}.npz"))).unwrap();
        let mut archive = ZipArchive::new(file).unwrap();
        let index = Array1::<i64>::read_npy(archive.by_name("index.npy").unwrap()).unwrap();
        let label = Array1::<i64>::read_npy(archive.by_name("label.npy").unwrap()).unwrap();
        let votes = Array3::<u32>::read_npy(archive.by_name("votes.npy").unwrap()).unwrap();
        for (row, votes) in votes.outer_iter().enumerate() {
            let counts = votes.outer_iter().map(|counts| [counts[0], counts[1]]).collect();
            assert!(all.insert(index[row], (label[row], counts)).is_none());
        }
    }
    all
}

#[test]
fn votes_have_the_exact_probabilities() {
    let place = place();
    let _ = place.drs(&label("")).succeeds();
    let votes = votes(&place);
    assert_eq!(votes.len(), INPUTS);
    let normal = Normal::standard();
    for (expert, (sigma, threshold)) in [(0.25, 99.5), (0.5, 119.5)].into_iter().enumerate() {
        let mut squares = Vec::new();
        for (&index, (label, counts)) in &votes {
            let value = 60 + (index * 37) % 100;
            assert_eq!(*label, i64::from(value > 110));
            assert_eq!(counts[expert].iter().sum::<u32>(), DRAWS);
            let p = normal.cdf((value as f64 - threshold) / 255.0 / sigma);
            let n = f64::from(DRAWS);
            let z = (f64::from(counts[expert][1]) - n * p) / (n * p * (1.0 - p)).sqrt();
            assert!(z.abs() < 5.0, "input {index}, expert {expert}: {counts:?}, p = {p}");
            squares.push(z * z);
        }
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        assert!((0.75..1.25).contains(&mean), "expert {expert}: variance {mean} of the binomial's");
    }
}

#[test]
fn labels_are_not_made_of_the_draws_that_certificates_rest_on() {
    let place = place();
    let _ = place.drs(&label("--max 100")).succeeds();
    let header = place.read("labels/labels.json");
    let run = format!("--n {DRAWS} --seed 4 --sampling fixed --method one:near --max 100");
    let certify = "certify --experts experts.toml --data data --out near.tsv";
    let _ = place.drs(&format!("{certify} {run}")).succeeds();
    let file = File::open(place.path("labels/part-000000.npz")).unwrap();
    let mut archive = ZipArchive::new(file).unwrap();
    let votes = Array3::<u32>::read_npy(archive.by_name("votes.npy").unwrap()).unwrap();
    // Two independent counts of some 500 in 1000 are equal once in 50 inputs or so.
    let records = place.read("near.jsonl");
    let lines = records.lines().zip(votes.outer_iter()).filter(|(_, votes)| votes[[0, 0]] > 100);
    let (mut equal, mut all) = (0, 0);
    for (line, votes) in lines.filter(|(_, votes)| votes[[0, 1]] > 100) {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let stages = record["certificate"]["stages"].as_array().unwrap();
        let estimation = stages.iter().find(|stage| stage["phase"] == "estimation").unwrap();
        let counts = estimation["looks"].as_array().unwrap().last().unwrap();
        equal += usize::from(counts[1].as_u64() == Some(votes[[0, 1]].into()));
        all += 1;
    }
    assert!(all > 50 && equal < all / 4, "{equal} of {all}");
    // Votes of an older release were these very draws.
    place.write("labels/labels.json", header.replace("\"version\": 2", "\"version\": 1"));
    place
        .drs(&label("--max 100"))
        .fails(1, &["labels.json", "version 1 found, expected 2", "draw them again"]);
}

#[test]
fn drawing_goes_on_where_it_stopped() {
    let place = place();
    let _ = place.drs(&label("")).succeeds();
    let whole = votes(&place);
    let part = place.path("labels/part-000000.npz");
    let bytes = std::fs::read(&part).unwrap();
    std::fs::write(&part, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::remove_file(place.path("labels/part-000001.npz")).unwrap();
    place.drs("train router router.toml --out router").fails(1, &["cannot read router.toml"]);
    place.write("router.toml", ROUTER);
    place
        .drs("train router router.toml --out router")
        .fails(1, &["part-000000.npz", "drs train label"]);
    let _ = place.drs(&label("")).succeeds();
    assert_eq!(votes(&place), whole);
    place
        .drs(&label("--draws 10").replace(&format!("--draws {DRAWS} "), ""))
        .fails(1, &["take another folder"]);
    place.drs(&label("--start 1")).fails(1, &["take another folder"]);
}

const ROUTER: &str = r#"
labels = "labels"
hold_out = 120
arch = "small_cnn"
sigma = 0.5
objective = { kind = "certificate", radii = [0.0, 0.1, 0.2], softness = 0.05, consistency = { lambda = 1.0, eta = 0.1 } }
select = { radii = [0.0, 0.1, 0.2], draws = 20 }
[input]
shape = [1, 2, 2]
quantum = "1/255"
[train]
epochs = 2
batch = 50
seed = 1
optimiser = { kind = "adamw", lr = 0.003 }
"#;

#[test]
fn a_router_is_trained_by_every_objective_and_routes() {
    let place = place();
    let _ = place.drs(&label("")).succeeds();
    place.write("router.toml", ROUTER);
    let consistency = "consistency={lambda=1.0,eta=0.1}";
    let objectives = [
        String::new(),
        format!("--set objective={{kind='paper',{consistency}}}"),
        format!("--set objective={{kind='paper',weigh='weak',balance=false,{consistency}}}"),
        format!("--set objective={{kind='hard',{consistency}}}"),
        format!("--set objective={{kind='utility',radii=[0.0,0.1],{consistency}}}"),
    ];
    for (number, objective) in objectives.iter().enumerate() {
        let _ = place
            .drs(&format!("train router router.toml --out router{number} {objective}"))
            .succeeds();
        let summary = place.read(&format!("router{number}/summary.json"));
        let history: Vec<serde_json::Value> = serde_json::from_str(&summary).unwrap();
        let figures = &history[1];
        assert!((0.0..=1.0).contains(&figures["merit"].as_f64().unwrap()), "{summary}");
        assert!(figures["loss"].as_f64().unwrap().is_finite());
    }
    let pool = Halfspaces { router: None, ..Halfspaces::pair() }.toml();
    let router = "[router]\nplugin = \"torch\"\nconfig = { kind = \"checkpoint\", model = \"router0/model.safetensors\" }\n";
    place.write("routed.toml", pool.replacen("[[expert]]", &format!("{router}[[expert]]"), 1));
    let summary = place
        .drs("certify --experts routed.toml --data data --out out.tsv --max 20 --n 200 --seed 1")
        .succeeds();
    assert!(summary.contains("20 inputs"), "{summary}");
    let mistakes: [(&str, &[&str]); 6] = [
        ("arch='cifar_resnet20'", &["takes 3 channels, the input has 1"]),
        ("hold_out=520", &["hold_out: 520 found, expected 1 to 519"]),
        ("max=0", &["max: 0 found, expected at least 1"]),
        ("labels='nowhere'", &["nowhere/labels.json"]),
        ("objective.kind='best'", &["best"]),
        ("input.shape=[1,4,4]", &["1x2x2"]),
    ];
    for (change, words) in mistakes {
        place.drs(&format!("train router router.toml --out o --set {change}")).fails(1, words);
    }
}

#[test]
fn without_the_program_one_is_told_where_it_comes_from() {
    let place = place();
    let alone = place.path("drs-alone");
    std::fs::copy(drs_tests::built().join("drs"), &alone).unwrap();
    let output = std::process::Command::new(&alone)
        .args(["train", "expert", "x.toml"])
        .env("PATH", place.path("nowhere"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("cargo xtask torch"), "{said}");
}
