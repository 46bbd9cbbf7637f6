//! What names say reaches terminals, tables and files as text, and as nothing else.

use drs_tests::{Halfspaces, Place};
use serde_json::{Value, json};

const HOSTILE: &str =
    "x\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{202e}\n  votes drawn again: 9 equal";

fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..12u8).map(|i| (vec![20 * i, 120, i, 0], u8::from(i > 5))).collect();
    place.write_idx("data", [2, 2], &inputs);
    let run = "certify --experts experts.toml --data data --n 300 --seed 1 --out run.tsv";
    let _ = place.drs(run).succeeds();
    place
}

/// Neither what moves a cursor nor what turns the writing around.
fn is_plain(text: &str) {
    let misleading = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{2028}';
    assert!(!text.contains(misleading), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("  votes drawn again: 9")), "{text}");
}

#[test]
fn records_cannot_write_the_summary() {
    let place = place();
    let text = place.read("run.jsonl");
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let named = text.replace("\"near\"", &json!(HOSTILE).to_string());
    place.write("named.jsonl", named);
    let mut variants = vec!["named.jsonl".to_owned()];
    type Change = fn(&mut Value);
    let changes: [Change; 5] = [
        |line| line["certificate"]["method"] = json!(format!("one:{HOSTILE}")),
        |line| line[HOSTILE] = json!(1),
        |line| line["certificate"]["verdict"]["binds"] = json!(HOSTILE),
        |line| line["certificate"]["provenance"]["models"][1]["plugin"] = json!([HOSTILE]),
        |line| line["conversion"] = json!({ HOSTILE: HOSTILE }),
    ];
    for (place_in_list, change) in changes.iter().enumerate() {
        let mut line = line.clone();
        change(&mut line);
        let name = format!("{place_in_list}.jsonl");
        place.write(&name, format!("{line}\n"));
        variants.push(name);
    }
    for name in variants {
        let run = place.drs(&format!("verify {name}"));
        is_plain(&run.stdout);
        is_plain(&run.stderr);
        run.fails(1, &["are rejected"]);
    }
}

#[test]
fn answers_name_each_class_once() {
    let place = place();
    for (name, first) in [("a", 240u8), ("b", 230), ("c", 5)] {
        place.write(&format!("{name}.pgm"), [b"P5 2 2 255\n", &[first, 120, 7, 7][..]].concat());
    }
    let route = "route --experts experts.toml --n 2000 --seed 1 --json a.pgm b.pgm c.pgm";
    let answers = place.drs(route).succeeds();
    let classes: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["class"].clone())
        .collect();
    assert_eq!(classes, ["high", "high", "low"]);
    place.write("answers.jsonl", &answers);
    let told = place.drs("verify answers.jsonl").succeeds();
    assert!(told.contains("taken on trust: 3 names of classes; --replay"), "{told}");
    let lines: Vec<&str> = answers.lines().collect();
    let low = lines[1].replace("\"class\":\"high\"", "\"class\":\"low\"");
    place.write("forged.jsonl", [lines[0], &low, lines[2]].join("\n"));
    let run = place.drs("verify forged.jsonl");
    assert!(run.stdout.contains("forged.jsonl:2: class: \"low\", expected \"high\""), "{run}");
    run.fails(1, &["1 of 3"]);
}

#[test]
fn names_of_logs_are_no_formulas_commands_or_elements() {
    let place = place();
    let name = format!("=cmd|<img src=x>\\input{{f}}`{HOSTILE}");
    let log = format!("{name}=run.jsonl");
    let with = |args: &str| {
        let run = place.drs_with(args, &[log.as_ref()]);
        is_plain(&run.stdout);
        is_plain(&run.stderr);
        run.succeeds()
    };
    let csv = with("analyze --format csv");
    assert!(csv.lines().skip(1).all(|row| row.starts_with("'=cmd|<img")), "{csv}");
    let markdown = with("analyze --format md");
    assert!(markdown.contains("=cmd\\|\\<img"), "{markdown}");
    // Comments say nothing to LaTeX.
    let latex = with("analyze --format latex");
    let rows: Vec<&str> = latex.lines().filter(|line| !line.starts_with('%')).collect();
    let latex = rows.join("\n");
    assert!(
        latex.contains("\\textbackslash{}input\\{f\\}") && !latex.contains("\\input"),
        "{latex}"
    );
    let _ = with("report --title <b>{{js}} --out page.html");
    let page = place.read("page.html");
    assert!(!page.contains("<img src=x") && !page.contains("<b>{{js}}"));
    is_plain(&page.replace('\t', " "));
    let _ = with("plot --title <b> --out curves.svg");
    is_plain(&place.read("curves.svg"));
}

#[cfg(unix)]
#[test]
fn files_are_named_on_one_line() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let place = place();
    let bad = format!("bad{HOSTILE}.png");
    place.write(&bad, "no image");
    let good = format!("good{HOSTILE}.pgm");
    let pixels = [b"P5 2 2 255\n", &[240, 120, 7, 7][..]].concat();
    place.write(&good, &pixels);
    let odd = OsStr::from_bytes(b"odd\xff.pgm");
    std::fs::write(place.path(".").join(odd), &pixels).unwrap();
    let route = "route --experts experts.toml --n 300 --seed 1";
    let images = [bad.as_ref(), good.as_ref(), odd.as_ref()];
    let run = place.drs_with(route, &images);
    is_plain(&run.stdout);
    is_plain(&run.stderr);
    assert_eq!(run.stdout.matches("high").count(), 2, "{run}");
    run.fails(1, &["1 of 3 images failed"]);
    // JSON has no words for the third name: that costs this image alone.
    let run = place.drs_with(&format!("{route} --json"), &images);
    assert_eq!(run.stdout.lines().count(), 1, "{run}");
    run.fails(1, &["not UTF-8", "rename", "2 of 3 images failed"]);
}
