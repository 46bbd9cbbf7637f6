//! Labels of data sets in other orders than the experts' classes, through the whole binary.

use drs_tests::{Halfspaces, Place, rows_without_time};

const CERTIFY: &str =
    "certify --experts experts.toml --method one:near --n 400 --seed 3 --data folders";

/// Three inputs in each of two class folders. The experts' classes are low and high, in this
/// order; folders come by name.
fn folders(low: &str, high: &str) -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    for (class, value) in [(low, 10), (high, 240)] {
        std::fs::create_dir_all(place.path(&format!("folders/{class}"))).unwrap();
        for i in 0..3 {
            let image = image::GrayImage::from_pixel(2, 2, image::Luma([value + i]));
            image.save(place.path(&format!("folders/{class}/{i}.png"))).unwrap();
        }
    }
    place
}

/// The columns label and correct.
fn labels(place: &Place, table: &str) -> Vec<[String; 2]> {
    let rows = rows_without_time(&place.read(table));
    rows.into_iter().map(|row| [row[1].clone(), row[4].clone()]).collect()
}

#[test]
fn every_command_matches_class_folders_by_name() {
    let place = folders("low", "high");
    let run = place.drs(&format!("{CERTIFY} --out out.tsv"));
    assert!(!run.stderr.contains("note:"), "{run}");
    let right = |label: &str| [label.to_owned(), "1".to_owned()];
    let expected = ["1", "1", "1", "0", "0", "0"].map(right);
    assert_eq!(labels(&place, "out.tsv"), expected, "the folder high comes first");
    let data = "--data folders --experts experts.toml";
    let told = place.drs(&format!("verify out.jsonl --replay {data}")).succeeds();
    assert!(told.contains("6 equal"), "{told}");
    // Without a replay the names must come from somewhere all the same.
    let _ = place.drs(&format!("verify out.jsonl {data}")).succeeds();
    let told = "verify out.jsonl --data folders";
    let _ = place.drs(&format!("{told} --classes low,high")).succeeds();
    place.drs(told).fails(1, &["folders: has class names", "--experts FILE", "--classes FILE"]);
    let run = place.drs(&format!("{told} --classes by-place"));
    assert!(run.stdout.contains("label: 1, expected 0"), "{run}");
    let _ = place.drs(&format!("report out.jsonl {data} --out out.html")).succeeds();
    assert!(place.read("out.html").contains("[\"low\",\"high\"]"), "names in the labels' order");
    // By place the same commands see other data.
    let run = place.drs(&format!("verify out.jsonl --replay {data} --classes by-place"));
    assert!(run.stdout.contains("label: 1, expected 0"), "{run}");
    place
        .drs(&format!("report out.jsonl {data} --classes by-place --out x.html"))
        .fails(1, &["label 1 in the log and 0 in the data set"]);
}

#[test]
fn labels_of_what_is_no_input_are_told() {
    let place = folders("low", "high");
    for (file, head) in [("labels.csv", "image,label\n"), ("labels.txt", "")] {
        let line = |name: &str| format!("{name},{}\n", name.split('/').next().unwrap());
        let names =
            ["high/0.png", "high/1.png", "high/2.png", "low/0.png", "low/1.png", "low/2.png"];
        let all: String = names.map(line).concat();
        let certify =
            |out: &str| place.drs(&format!("{CERTIFY} --labels {file} --out {out} --overwrite"));
        place.write(file, format!("{head}{all}"));
        let run = certify("all.tsv");
        assert!(!run.stderr.contains("no input of the data set"), "{run}");
        place.write(file, format!("{head}{all}high/7.png,high\nlow/9.png,low\n"));
        let run = certify("more.tsv");
        let told = "2 labels in the label file for what is no input of the data set";
        assert!(run.stderr.contains(told), "{run}");
        let _ = run.succeeds();
        assert_eq!(labels(&place, "more.tsv"), labels(&place, "all.tsv"), "{file}");
    }
}

#[test]
fn a_run_under_other_labels_is_another_run() {
    let place = folders("low", "high");
    let _ = place.drs(&format!("{CERTIFY} --max 4 --out out.tsv")).succeeds();
    let by_place = place.drs(&format!("{CERTIFY} --max 4 --out out.tsv --classes by-place"));
    by_place.fails(1, &["another run", "data.labels"]);
    let run = place.drs(&format!("{CERTIFY} --out placed.tsv --classes by-place"));
    assert!(run.stderr.contains("note: ") && run.stderr.contains("high is low"), "{run}");
    let wrong = |label: &str| [label.to_owned(), "0".to_owned()];
    assert_eq!(labels(&place, "placed.tsv"), ["0", "0", "0", "1", "1", "1"].map(wrong));
}

#[test]
fn names_that_are_no_classes_are_refused_unless_one_tells_what_they_are() {
    let place = folders("down", "up");
    let args = format!("{CERTIFY} --out out.tsv");
    place.drs(&args).fails(
        1,
        &["folders: ", "2 of 2", "class folders: down, up", "classes: low, high", "by-place"],
    );
    let _ = place.drs(&format!("{args} --classes down,up")).succeeds();
    let right = |label: &str| [label.to_owned(), "1".to_owned()];
    assert_eq!(labels(&place, "out.tsv"), ["0", "0", "0", "1", "1", "1"].map(right));
    place.write("names.txt", "up\ndown\n");
    let _ = place.drs(&format!("{args} --overwrite --classes names.txt")).succeeds();
    assert_eq!(labels(&place, "out.tsv")[0], ["1".to_owned(), "0".to_owned()]);
    place.drs(&format!("{args} --classes nowhere.txt")).fails(1, &["nowhere.txt", "by-place"]);
    let report = "report out.jsonl --data folders --experts experts.toml --out x.html";
    place.drs(report).fails(1, &["down, up", "low, high"]);
}

#[test]
fn labels_that_count_from_1_are_refused_unless_one_says_so() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..4u8).map(|i| (vec![80 * i, 0, 0, 0], 1 + u8::from(i > 1))).collect();
    place.write_idx("folders", [2, 2], &inputs);
    let args = format!("{CERTIFY} --out out.tsv");
    place
        .drs(&args)
        .fails(1, &["input 2 has the label 2", "0 to 1", "2 of 4 inputs", "--labels-from 1"]);
    let _ = place.drs(&format!("{args} --labels-from 1")).succeeds();
    let right = |label: &str| [label.to_owned(), "1".to_owned()];
    assert_eq!(labels(&place, "out.tsv"), ["0", "0", "1", "1"].map(right));
    place.drs(&format!("{args} --split train")).fails(1, &["found IDX files of t10k"]);
}
