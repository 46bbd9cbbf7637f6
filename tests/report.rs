//! `drs report`: the file, and what a browser makes of it.

use std::path::Path;
use std::process::Command;

use drs_tests::{Halfspaces, Place, skipped};

/// A place with a routed run of 40 inputs over two classes, and its report.
fn report() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..40).map(|i| (vec![60 + 3 * i, 100 + i, 0, i], u8::from(i > 15))).collect();
    place.write_idx("data", [2, 2], &inputs);
    let certify = "certify --experts experts.toml --data data --seed 1 --n 500";
    let _ = place.drs(&format!("{certify} --out run.tsv")).succeeds();
    let _ = place.drs(&format!("{certify} --method one:near --out near.tsv")).succeeds();
    let _ = place
        .drs("report run.jsonl near.tsv --data data --experts experts.toml --classes low,high --title <Two> --out report.html")
        .succeeds();
    place
}

#[test]
fn one_file_holds_everything() {
    let html = report().read("report.html");
    for text in ["&lt;Two&gt;", "run (40 inputs), near (40 inputs)", "Routing in run", "\"oracle\""]
    {
        assert!(html.contains(text), "{text}");
    }
    assert_eq!(html.matches("\"image\":\"iVBOR").count(), 40, "a PNG for each input");
    // Draws stopped on the usual grid.
    for text in ["\"most\":[[", "\"decided\":[0.0,0.25,", "--full or --sampling fixed", "<td>≥ "]
    {
        assert!(html.contains(text), "{text}");
    }
}

/// What a browser makes of the file, if there is one here.
fn opened(file: &Path) -> Option<String> {
    let runs = |name: &&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(runs)?;
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1240,1480"])
        .args(["--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("file://{}", file.display()))
        .env("HOME", file.with_file_name("home"))
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_browser_shows_curves_and_cards() {
    let place = report();
    let Some(dom) = opened(&place.path("report.html")) else {
        return skipped("no Chromium: the report is not opened");
    };
    assert!(dom.contains("40 of 40 inputs"), "the gallery's script did not run:\n{dom:.2000}");
    assert!(dom.contains("u-legend") && dom.contains("near"), "the curves' script did not run");
    assert!(dom.contains("near, at least") && dom.contains("near, at most"), "both sides");
    let cards = dom.matches("class=\"card ").count();
    assert!((10..40).contains(&cards), "only cards in view exist: {cards}");
}

#[test]
fn without_labels_there_is_a_gallery_and_no_accuracy() {
    let place = report();
    let reading = "--data data --experts experts.toml --labels none";
    let _ = place.drs(&format!("certify {reading} --seed 1 --n 500 --out none.tsv")).succeeds();
    let _ = place.drs(&format!("report none.jsonl {reading} --out report.html")).succeeds();
    assert!(place.read("report.html").contains("nothing is said about accuracy"));
    let Some(dom) = opened(&place.path("report.html")) else {
        return skipped("no Chromium: the report is not opened");
    };
    assert!(dom.contains("40 of 40 inputs") && dom.contains("class=\"card unlabelled\""), "{dom}");
    assert!(!dom.contains("<h2>Certified accuracy") && !dom.contains("<h2>Tables"), "{dom}");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let place = report();
    let report = "report run.tsv --out report.html";
    place.drs(&format!("{report} --data data")).fails(2, &["--experts"]);
    let inputs: Vec<(Vec<u8>, u8)> = (0..40).map(|i| (vec![i, i, i, i], 0)).collect();
    place.write_idx("other", [2, 2], &inputs);
    place
        .drs(&format!("{report} --data other --experts experts.toml"))
        .fails(1, &["input 16 has label 1 in the log and 0 in the data set"]);
    place.write_idx("few", [2, 2], &inputs[..5]);
    place.drs(&format!("{report} --data few --experts experts.toml")).fails(1, &["few", "5"]);
    place.drs("report run.tsv --out nowhere/report.html").fails(1, &["nowhere/report.html"]);
}
