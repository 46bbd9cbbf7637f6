//! `drs analyze`, `drs plan` and `drs plot` on published logs and on our own.

use std::fmt::Write as _;

use drs_tests::{Halfspaces, Place, root};

/// Cohen et al.'s log at σ = 0.25 and 0.50, copied into a place as near.tsv and far.tsv.
fn place() -> Place {
    let place = Place::new();
    for (name, sigma) in [("near", "0.25"), ("far", "0.50")] {
        let file = format!("cifar10_resnet110_noise_{sigma}_test_sigma_{sigma}.tsv");
        let text = std::fs::read_to_string(root().join("drs-analysis/tests/logs").join(file));
        place.write(&format!("{name}.tsv"), text.unwrap());
    }
    place
}

#[test]
fn tables_of_published_logs() {
    let place = place();
    let out = place.drs("analyze near.tsv far.tsv --radii 0,0.25,0.5,1").succeeds();
    for line in [
        "| near | 74.80 |    60.00 |   42.80 |  0.00 |",
        "| far  | 65.20 |    54.60 |   41.40 | 23.40 |",
        "| near | 70.7–78.6 | 55.5–64.4 | 38.4–47.3 |   0.0–0.8 |",
        "| near |    500 |    74.80 |         8.60 | 0.4289 |",
        "| near / far |         37 |          30 | 4.64e-1 |",
    ] {
        assert!(out.contains(line), "no line\n{line}\nin\n{out}");
    }
    assert!(out.contains("poor summary"), "the caveat of average radii\n{out}");
    let latex = place.drs("analyze near.tsv --radii 0.25 --format latex").succeeds();
    assert!(latex.contains("near & 60.00 \\\\"), "{latex}");
    let csv = place.drs("analyze near.tsv a=far.tsv --radii 0.25 --format csv").succeeds();
    assert!(csv.contains("a,0.25,273,500,54.6000,"), "{csv}");
    assert!(csv.contains("oracle,0.25,"), "{csv}");
    let json = place.drs("analyze near.tsv far.tsv --radii 0.25 --format json").succeeds();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["logs"][0]["certified"][0]["count"], 300);
    assert_eq!(json["joint"]["envelope"][0]["log"], "near");
}

#[test]
fn our_own_runs_say_what_routing_did() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..40).map(|i| (vec![60 + 3 * i, 100 + i, 0, i], u8::from(i > 15))).collect();
    place.write_idx("data", [2, 2], &inputs);
    let _ = place
        .drs("certify --experts experts.toml --data data --out run.tsv --seed 1 --n 500")
        .succeeds();
    let table = place.drs("analyze run.tsv").succeeds();
    let records = place.drs("analyze run.jsonl").succeeds();
    // Both files of a run say the same; the records say more.
    assert!(table.contains("Routing in run") && records.contains("Draws in run"), "{records}");
    let first = |text: &str| text.lines().take(12).collect::<Vec<_>>().join("\n");
    assert_eq!(first(&table), first(&records));
    for text in ["routed to near, % of inputs", "rests on 1 experts", "router, estimation"] {
        assert!(records.contains(text), "{text}\n{records}");
    }
    assert_eq!(place.drs("analyze run.jsonl run.tsv").code, 1, "two logs of one name");
    let both = place.drs("analyze records=run.jsonl run.tsv").succeeds();
    assert!(both.contains("records / run"), "{both}");
}

#[test]
fn pools_worth_having() {
    let place = place();
    let out = place.drs("plan near.tsv far.tsv --radii 0,0.5,1 --accuracy 1").succeeds();
    assert!(out.contains("| near + far         |"), "{out}");
    // A router that never errs is the oracle.
    let rows: Vec<&str> = out.lines().filter(|line| line.starts_with("| near + far")).collect();
    assert_eq!((rows.len(), rows[0]), (3, rows[2]), "{out}");
    place.drs("plan near.tsv").fails(1, &["1 logs", "expected 2 to 10"]);
    place.drs("plan near.tsv far.tsv --accuracy 80").fails(2, &["80", "from 0 to 1"]);
}

#[test]
fn curves() {
    let place = place();
    let plot = "plot near.tsv σ=far.tsv --oracle --envelope --title Title --out";
    let _ = place.drs(&format!("{plot} curve.svg")).succeeds();
    let svg = place.read("curve.svg");
    for text in ["near", "σ", "oracle", "best single log", "Title", "certified accuracy"] {
        assert!(svg.contains(text), "{text}");
    }
    let _ = place.drs(&format!("{plot} curve.png --width 400 --height 300")).succeeds();
    let image = image::open(place.path("curve.png")).unwrap();
    assert_eq!((image.width(), image.height()), (800, 600));
    place.drs(&format!("{plot} curve.pdf")).fails(1, &["curve.pdf", ".svg or .png"]);
    place.drs(&format!("{plot} nowhere/curve.svg")).fails(1, &["nowhere/curve.svg"]);
}

#[test]
fn logs_that_are_none() {
    let place = place();
    let near = place.read("near.tsv");
    let write = |name: &str, text: &str| place.write(name, text);
    write("short.tsv", &near.replacen("\t1\t", "\t", 1));
    write("empty.tsv", near.lines().next().unwrap());
    write("nothing.tsv", "");
    write("twice.tsv", &format!("{near}0\t3\t3\t0.5\t1\t0.1\n"));
    write("text.jsonl", "{\"idx\": 0}\n");
    write(
        "some.tsv",
        &near.lines().take(100).fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        }),
    );
    place.drs("analyze short.tsv").fails(1, &["short.tsv", "line: "]);
    place.drs("analyze empty.tsv").fails(1, &["empty.tsv", "the log is empty"]);
    place.drs("analyze nothing.tsv").fails(1, &["nothing.tsv", "no column `idx`"]);
    place.drs("analyze twice.tsv").fails(1, &["twice.tsv", "line 502: index 0 again"]);
    place.drs("analyze text.jsonl").fails(1, &["text.jsonl", "line 1", "missing field"]);
    place.drs("analyze nowhere.tsv").fails(1, &["nowhere.tsv", "No such file"]);
    place.drs("analyze near.tsv --radii -1").fails(2, &["-1"]);
    // Each is shown, but not compared; a plan has nothing else to do.
    let mixed = place.drs("analyze near.tsv some.tsv").succeeds();
    assert!(mixed.contains("they have 500 and 99 inputs"), "{mixed}");
    place.drs("plan near.tsv some.tsv").fails(1, &["near and some", "500 and 99 inputs"]);
    let common = place.drs("analyze near.tsv some.tsv --common").succeeds();
    assert!(common.contains("near / some"), "{common}");
}
