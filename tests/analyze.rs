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
    let twins = place.drs("analyze a=near.tsv far.tsv b=near.tsv --radii 0.25").succeeds();
    let which = twins.lines().find(|line| line.starts_with("| which")).unwrap();
    assert!(which.ends_with(" a = b |"), "{twins}");
    place.drs("analyze =near.tsv").fails(2, &["=near.tsv", "NAME"]);
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
    place
        .drs("plan a=run.tsv b=run.jsonl")
        .fails(2, &["a: its inputs were routed", "--method one:NAME"]);
    // Both files of a run say the same; the records say more.
    assert!(table.contains("Routing in run") && records.contains("Draws in run"), "{records}");
    let first = |text: &str| text.lines().take(12).collect::<Vec<_>>().join("\n");
    assert_eq!(first(&table), first(&records));
    for text in ["routed to near, % of inputs", "rests on 1 experts", "router, estimation"] {
        assert!(records.contains(text), "{text}\n{records}");
    }
    let both = place.drs("analyze run.jsonl run.tsv").succeeds();
    assert!(both.contains("run.jsonl / run.tsv"), "two logs of one name\n{both}");
    place.drs("analyze run.tsv ./run.tsv").fails(2, &["run.tsv is given twice"]);
    let both = place.drs("analyze records=run.jsonl run.tsv").succeeds();
    assert!(both.contains("records / run"), "{both}");
}

/// A run of 60 inputs whose radii are spread over 0 to 1.2, with further options.
fn run(place: &Place, name: &str, options: &str) {
    if !place.path("experts.toml").exists() {
        let experts = vec![("near", 0.25, 0, 99.5), ("far", 0.5, 0, 50.5)];
        place.write("experts.toml", Halfspaces { experts, ..Halfspaces::pair() }.toml());
        let inputs: Vec<(Vec<u8>, u8)> = (0..60).map(|i| (vec![4 * i, 100, 0, i], 1)).collect();
        place.write_idx("data", [2, 2], &inputs);
    }
    let _ = place
        .drs(&format!(
            "certify --experts experts.toml --data data --method one:far --seed 1 --n 4000 --out {name}.tsv {options}"
        ))
        .succeeds();
}

/// `percent` and `at_most` of the first log at each radius.
fn sides(place: &Place, log: &str, radii: &str) -> Vec<(f64, f64)> {
    let csv = place.drs(&format!("analyze {log} --radii {radii} --format csv")).succeeds();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[4].parse().unwrap(), fields[7].parse().unwrap())
    };
    csv.lines().skip(1).map(row).collect()
}

#[test]
fn where_draws_stopped_there_is_a_lower_bound_and_no_more() {
    let place = Place::new();
    let radii = "0,0.25,0.3,0.4,0.5,0.7,1,1.1,2.6";
    run(&place, "fixed", "--sampling fixed");
    let fixed = sides(&place, "fixed.tsv", radii);
    assert!(fixed.iter().all(|(least, most)| least == most), "{fixed:?}");
    for (name, options) in
        [("grid", ""), ("near", "--tol 0.3"), ("half", "--radius 0.5"), ("few", "--radii 0,0.75")]
    {
        run(&place, name, options);
        let found = sides(&place, &format!("{name}.jsonl"), radii);
        assert_eq!(found, sides(&place, &format!("{name}.tsv"), radii), "{name}");
        assert!(found.iter().any(|(least, most)| least < most), "{name}: {found:?}");
        // Looks cost a little of the level: a radius may be shorter by more than is open.
        for ((least, most), (all, _)) in found.iter().zip(&fixed) {
            assert!(*least <= *all + 1e-9 && *all <= most + 5.0, "{name}: {found:?} {fixed:?}");
        }
    }
    let grid = sides(&place, "grid.jsonl", radii);
    for (place, radius) in radii.split(',').enumerate() {
        let is_asked = ["0", "0.25", "0.5", "1"].contains(&radius);
        assert!(!is_asked || grid[place].0 == grid[place].1, "{radius}: {grid:?}");
    }
    assert!(grid[2].0 + 10.0 < grid[2].1, "the first radii between are wide open: {grid:?}");
    // Only 0.5 was asked about: neither who answers nor how far beyond is known.
    let half = sides(&place, "half.jsonl", radii);
    assert!(half[0].0 < half[0].1 && half[4].0 == half[4].1 && half[5].0 < half[5].1, "{half:?}");
}

#[test]
fn lower_bounds_are_marked_wherever_they_are_shown() {
    let place = Place::new();
    run(&place, "grid", "");
    run(&place, "fixed", "--sampling fixed");
    let out = place.drs("analyze grid.jsonl fixed.jsonl --radii 0.25,0.3 --compare 0.3").succeeds();
    let line = |start: &str| out.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    let grid = line("| grid ");
    assert_eq!(grid[0].matches('≥').count(), 1, "at 0.3 alone\n{out}");
    assert!(grid[2].contains('≥'), "the average radius\n{out}");
    assert!(line("| fixed ").iter().all(|line| !line.contains('≥')), "{out}");
    assert!(line("| grid / fixed ")[0].contains("? |           ? | ? |"), "{out}");
    for text in [
        "grid: an input was drawn until r = 0, 0.25, ..., 2.5 was decided.",
        "with --full or --sampling fixed",
        "--compare takes a radius that both logs decide",
    ] {
        assert!(out.contains(text), "{text}\n{out}");
    }
    let decided = place.drs("analyze grid.jsonl fixed.jsonl --radii 0.25 --compare 0.5").succeeds();
    assert!(!decided.contains("? |"), "{decided}");
    let latex = place.drs("analyze grid.jsonl --radii 0.3 --format latex").succeeds();
    assert!(latex.contains("grid & $\\geq$ "), "{latex}");
    let json = place.drs("analyze grid.jsonl fixed.jsonl --radii 0.3 --format json").succeeds();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["logs"][0]["is_decided"], false);
    assert_eq!(json["logs"][1]["is_decided"], true);
    let certified = &json["logs"][0]["certified"][0];
    assert!(certified["percent"].as_f64() < certified["at_most"].as_f64(), "{json}");
    assert!(json["undecided"][0].as_str().unwrap().contains("--full"), "{json}");
    // The picture says the same.
    let drawn = place.drs("plot grid.jsonl --out grid.svg");
    assert!(drawn.stderr.contains("--full"), "{drawn}");
    let svg = place.read("grid.svg");
    assert!(svg.contains("decided radii") && svg.contains("not decided: at least the line"));
    let exact = place.drs("plot fixed.jsonl --out fixed.svg");
    assert!(!exact.stderr.contains("--full") && !place.read("fixed.svg").contains("decided"));
    // Who abstained where nobody asked about 0 may still answer.
    run(&place, "half", "--radius 0.5");
    let out = place.drs("analyze half.tsv").succeeds();
    let summary = out.lines().rfind(|line| line.starts_with("| half ")).unwrap();
    assert!(summary.contains('≤') && summary.matches('≥').count() == 2, "{summary}");
}

#[test]
fn a_table_of_ours_alone_does_not_tell_where_draws_stopped() {
    let place = Place::new();
    run(&place, "run", "");
    std::fs::remove_file(place.path("run.run.json")).unwrap();
    let out = place.drs("analyze run.tsv --radii 0.25").succeeds();
    assert!(out.contains('≥') && out.contains("without its .run.json"), "{out}");
    place.write("run.run.json", "{}");
    place.drs("analyze run.tsv").fails(1, &["run.run.json", "protocol"]);
}

#[test]
fn logs_are_named_so_that_they_can_be_told_apart() {
    let place = place();
    let near = place.read("near.tsv");
    for file in ["a_0.12/t/s_0.12", "b_0.25/t/s_0.12", "a_0.12/t/s_0.5"] {
        place.write(file, &near);
    }
    let names = |logs: &str| {
        let csv = place.drs(&format!("analyze {logs} --radii 0 --format csv")).succeeds();
        let name = |line: &str| line.split(',').next().unwrap().to_owned();
        csv.lines().skip(1).map(name).filter(|name| name != "oracle").collect::<Vec<_>>()
    };
    assert_eq!(names("a_0.12/t/s_0.12 a_0.12/t/s_0.5"), ["s_0.12", "s_0.5"]);
    let far = names("a_0.12/t/s_0.12 b_0.25/t/s_0.12");
    assert_eq!(far, ["a_0.12/t/s_0.12", "b_0.25/t/s_0.12"]);
    place
        .drs("analyze a=near.tsv a=far.tsv")
        .fails(2, &["two logs are named a", "names of their own"]);
}

#[test]
fn what_is_taken_otherwise_than_it_stands_is_said() {
    let place = place();
    let text = place.read("near.tsv");
    let (header, rows) = text.split_once('\n').unwrap();
    let expected = place.drs("analyze near.tsv --format csv").succeeds();
    place.write("rows", rows);
    place.write("late.tsv", format!("{text}0.6 0.3\n"));
    let (first, second) = rows.split_at(rows.match_indices('\n').nth(249).unwrap().0 + 1);
    place.write("two.tsv", format!("{header}\n{first}{header}\n{second}"));
    for (file, note) in [
        ("rows", "there is no header"),
        ("late.tsv", "line 502 is not a row and left out: \"0.6 0.3\""),
        ("two.tsv", "line 252 is a second header"),
    ] {
        let run = place.drs(&format!("analyze near={file} --format csv"));
        assert!(run.stderr.contains(&format!("note: {file}: {note}")), "{run}");
        assert_eq!(run.succeeds(), expected, "{file}");
    }
    // A right answer with a negative radius is right, and certified nowhere.
    place.write("less.tsv", text.replacen("\t0.", "\t-0.", 1));
    let less = place.drs("analyze less.tsv --radii 0");
    assert!(less.stderr.contains("1 right answers have a negative radius"), "{less}");
    assert!(less.succeeds().contains("| less |    500 |    74.80 |"));
    let at_zero = |log| place.drs(&format!("analyze {log} --radii 0 --format csv")).succeeds();
    assert!(at_zero("near.tsv").contains(",0,374,") && at_zero("less.tsv").contains(",0,373,"));
}

#[test]
fn pools_worth_having() {
    let place = place();
    let out = place.drs("plan near.tsv far.tsv --radii 0,0.5,1 --accuracy 1").succeeds();
    assert!(out.contains("| near + far         |"), "{out}");
    // A router that never errs is the oracle.
    let rows: Vec<&str> = out.lines().filter(|line| line.starts_with("| near + far")).collect();
    assert_eq!((rows.len(), rows[0]), (3, rows[2]), "{out}");
    // Perfect routes gain, and that is sure with 500 inputs; worse ones lose.
    for text in
        ["Verdict: yes, with a router that is right for 100 % of inputs", "near + far would"]
    {
        assert!(out.contains(text), "{text}\n{out}");
    }
    let out = place.drs("plan near.tsv far.tsv --radii 0 --accuracy 0.3,0.5").succeeds();
    let verdict = out.lines().last().unwrap();
    assert!(
        verdict.contains("Verdict: no, not even with a router that is right for 50 %"),
        "{out}"
    );
    assert!(verdict.contains("With one that is right for 30 % of inputs: no."), "{out}");
    let json = place.drs("plan near.tsv far.tsv --radii 0,0.5 --format json").succeeds();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["verdicts"][0]["router_accuracy"], 0.9);
    assert_eq!(json["verdicts"][0]["gains"][1]["radius"], 0.5);
    assert!(json["sentence"].as_str().unwrap().starts_with("Verdict: "), "{json}");
    place.drs("plan near.tsv").fails(2, &["1 log, expected 2 to 10"]);
    place.drs("plan near.tsv far.tsv --accuracy 80").fails(2, &["80", "from 0 to 1"]);
}

#[test]
fn plans_rest_on_radii_that_are_decided() {
    let place = Place::new();
    run(&place, "grid", "");
    run(&place, "few", "--radii 0,0.75");
    let out = place.drs("plan grid.jsonl few.jsonl --radii 0,0.5,0.75").succeeds();
    assert!(out.contains("| r = 0 | r = 0.5 * | r = 0.75 |"), "{out}");
    assert!(out.contains("few: an input was drawn until r = 0, 0.75 was decided"), "{out}");
    assert!(!out.lines().last().unwrap().contains("0.5"), "{out}");
    let none = place.drs("plan grid.jsonl few.jsonl --radii 0.5").succeeds();
    assert!(none.contains("No verdict: the logs decide none of these radii"), "{none}");
    let csv = place.drs("plan grid.jsonl few.jsonl --radii 0,0.5 --format csv").succeeds();
    assert!(csv.lines().nth(1).unwrap().ends_with(",1"), "{csv}");
    assert!(csv.lines().nth(2).unwrap().ends_with(",0"), "{csv}");
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
    place.drs(&format!("{plot} curve.pdf")).fails(2, &["curve.pdf", ".svg or .png"]);
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
    place.drs("analyze short.tsv").fails(1, &["short.tsv", "line 2: 5 columns, expected 6"]);
    place.drs("analyze empty.tsv").fails(1, &["empty.tsv", "the log is empty"]);
    place.drs("analyze nothing.tsv").fails(1, &["nothing.tsv", "the log is empty"]);
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
