//! `drs verify`: records that follow, records that do not, and votes drawn again.

use std::io::Write as _;
use std::process::Stdio;

use drs_tests::{Halfspaces, Place};
use serde_json::{Value, json};

const TERMS: &str = "[[blend]]\nweights = { far = 1 }\n\
                     [[blend]]\nweights = { near = 1 }\ncap = 0.05\nroute = [\"near\"]\n";

const CERTIFY: &str = "certify --experts experts.toml --data data --n 600 --seed 3";

const REPLAY: &str = "--replay --experts experts.toml --data data";

/// A pool, four inputs, and their records by `maxmin` in out.jsonl.
fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml() + TERMS);
    let inputs = [[0, 40, 0, 0], [255, 250, 0, 9], [110, 120, 7, 7], [60, 90, 1, 1]];
    place.write_idx(
        "data",
        [2, 2],
        &inputs.map(|input| (input.to_vec(), u8::from(input[0] > 110))),
    );
    let _ = place.drs(&format!("{CERTIFY} --out out.tsv")).succeeds();
    place
}

fn lines(place: &Place, name: &str) -> Vec<Value> {
    place.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_was_certified_follows_and_replays() {
    let place = place();
    for method in ["one:near", "multiscale", "dual", "set --two-sided", "maxmin", "blend"] {
        for sampling in ["--sampling fixed", "--full", "--radius 0.3"] {
            let args = format!("{CERTIFY} --method {method} {sampling} --out all.tsv --overwrite");
            let _ = place.drs(&args).succeeds();
            let told = place.drs(&format!("verify all.jsonl {REPLAY}")).succeeds();
            assert!(told.contains("4 of 4 records follow from their votes"), "{told}");
            assert!(told.contains("votes drawn again: 4 equal"), "{told}");
            let name = method.split(' ').next().unwrap();
            assert!(told.contains(&format!("4 x {name}, n0 = 100, n = 600")), "{told}");
        }
    }
    let told = place.drs("verify out.jsonl all.jsonl").succeeds();
    assert!(told.contains("out.jsonl: 4 of 4") && told.contains("all.jsonl: 4 of 4"), "{told}");
    assert!(told.contains("alpha = 0.001, seed "), "{told}");
    assert!(told.contains("taken on trust: the votes themselves"), "{told}");
    assert!(told.contains("taken on trust: 4 labels; --data compares them"), "{told}");
}

#[test]
fn records_come_gzipped_or_from_standard_input() {
    let place = place();
    let records = place.read("out.jsonl");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(records.as_bytes()).unwrap();
    place.write("out.jsonl.gz", gzip.finish().unwrap());
    let told = place.drs("verify out.jsonl.gz").succeeds();
    assert!(told.contains("4 of 4"), "{told}");
    let mut command = place.command("verify - --json", &[]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(records.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let rows = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let third = json!({"file": "-", "line": 3, "input": "2", "status": "verified"});
    assert_eq!((rows.len(), &rows[2]), (4, &third));
}

#[test]
fn a_field_that_does_not_follow_is_named_with_its_line() {
    let place = place();
    let honest = lines(&place, "out.jsonl");
    let radius = honest[1]["certificate"]["verdict"]["radius"].as_f64().unwrap();
    assert!(radius > 0.0);
    let shown = radius.to_string();
    for (pointer, value, words) in [
        ("/certificate/verdict/radius", json!(radius * 1.01), vec![shown.as_str()]),
        ("/certificate/verdict/class", json!(0), vec!["0, expected 1"]),
        ("/certificate/distance", json!(0.0), vec!["distance: 0.0"]),
        ("/certificate/version", json!(3), vec!["3, expected 6"]),
        ("/certificate/classes", json!(3), vec![".looks[0]: 2 counts, expected 3"]),
        ("/certificate/protocol/alpha", json!(0.002), vec!["stages[", "a look at"]),
        ("/certificate/protocol/n", json!(500), vec!["stages"]),
        ("/certificate/protocol/n", json!(u64::MAX), vec!["protocol", "n is 18446744073709551615"]),
        ("/certificate/protocol/split/route", json!(1.0), vec!["`route`", "strictly between"]),
        ("/certificate/method", json!("one:nobody"), vec!["one:nobody", "near, far"]),
        ("/certificate/provenance/models/1/sigma", json!(0.3), vec!["distance"]),
        ("/certificate/provenance/models/1/name", json!("far"), vec!["models[2].name", "again"]),
        ("/certificate/provenance/models/2/name", json!("router"), vec!["models[2].name"]),
        ("/certificate/provenance/input/sha256", json!("12"), vec!["input.sha256", "64 hexa"]),
        ("/certificate/stages/0/looks/0/0", json!(u64::MAX), vec!["stages[0].looks"]),
        ("/certificate/stages/0/looks/0/0", json!(-1), vec!["stages[0].looks[0]"]),
        ("/certificate/bounds", json!([]), vec!["bounds: 0 entries"]),
        ("/certificate/verdict/radius", json!(-1.0), vec!["verdict.radius", "from 0"]),
        ("/label", json!(2), vec!["label: 2, expected a class below 2"]),
        ("/correct", json!(false), vec!["correct: false, expected true"]),
        ("/time", json!(-1.0), vec!["time: -1"]),
        ("/idx", json!(0), vec!["idx: 0 again, as in line 1"]),
    ] {
        let mut changed = honest.clone();
        *changed[1].pointer_mut(pointer).unwrap() = value;
        place.write("changed.jsonl", text(&changed));
        let run = place.drs("verify changed.jsonl");
        assert!(run.stdout.contains("changed.jsonl:2: "), "{pointer}\n{run}");
        assert!(run.stdout.contains("3 of 4 records follow"), "{pointer}\n{run}");
        for word in words {
            assert!(run.stdout.contains(word), "{pointer}: no \"{word}\"\n{run}");
        }
        run.fails(1, &["1 of 4 records are rejected"]);
    }
}

#[test]
fn what_is_no_record_is_rejected_not_a_panic() {
    let place = place();
    let honest = place.read("out.jsonl");
    let first = honest.lines().next().unwrap();
    let twice = first.replacen("\"radius\":", "\"radius\":9.0,\"radius\":", 1);
    for (line, word) in [
        ("nonsense", "line: "),
        ("[]", "line: "),
        ("{}", "missing field"),
        ("{\"prediction\": {}}", "prediction"),
        (&first[..first.len() / 2], "EOF"),
        (&first.replace("\"time\":", "\"time\":NaN,\"t\":"), "time"),
        (&first.replace("0.001", "1e999"), "out of range"),
        (&first.replace("\"time\":", "\"more\":1,\"time\":"), "unknown field `more`"),
        (&first.replace("\"n0\":", "\"more\":1,\"n0\":"), "certificate.protocol"),
        (&twice, "duplicate field `radius`"),
    ] {
        place.write("bad.jsonl", format!("\n{line}\n{honest}"));
        let run = place.drs("verify bad.jsonl");
        assert!(run.stdout.contains("bad.jsonl:2: ") && run.stdout.contains(word), "{word}\n{run}");
        run.fails(1, &["1 of "]);
    }
    place.write("bytes.jsonl", b"\xff\xfe\n");
    place.drs("verify bytes.jsonl").fails(1, &["1 of 1"]);
    place.write("empty.jsonl", "\n");
    place.drs("verify empty.jsonl").fails(1, &["empty.jsonl", "no record"]);
    place.drs("verify nowhere.jsonl").fails(1, &["cannot read nowhere.jsonl"]);
    place.drs("verify out.jsonl --experts experts.toml").fails(2, &["--replay", "--data"]);
    place.drs("verify out.jsonl --replay").fails(2, &["--experts"]);
    place.drs("verify out.jsonl --replay --experts experts.toml").fails(2, &["--data PATH"]);
}

#[test]
fn answers_of_route_are_verified_and_replayed() {
    let place = place();
    for (name, value) in [("a", 0u8), ("b", 250)] {
        let image = image::GrayImage::from_pixel(2, 2, image::Luma([value]));
        image.save(place.path(&format!("{name}.png"))).unwrap();
    }
    let route = "route --experts experts.toml --n 400 --seed 1 --json a.png b.png";
    let answers = place.drs(route).succeeds();
    place.write("answers.jsonl", &answers);
    let verify = "verify answers.jsonl --replay --experts experts.toml --json";
    let rows = place.drs(verify).succeeds();
    assert_eq!(rows.matches("\"status\":\"equal\"").count(), 2, "{rows}");
    for (field, value, word) in [
        ("class", json!("low"), "class: \"low\", expected \"high\""),
        ("class", json!(null), "class: null"),
        ("expert", json!("other"), "expert: \"other\""),
        ("sigma", json!(9.0), "sigma: 9.0"),
        ("image", json!("a.png"), "provenance.input.sha256"),
    ] {
        let mut changed = lines(&place, "answers.jsonl");
        changed[1][field] = value;
        place.write("changed.jsonl", text(&changed));
        let run = place.drs("verify changed.jsonl --replay --experts experts.toml");
        assert!(run.stdout.contains("changed.jsonl:2: ") && run.stdout.contains(word), "{run}");
        run.fails(1, &["1 of 2"]);
    }
    let predict = route.replace("--json", "--json --predict");
    place.write("answers.jsonl", place.drs(&predict).succeeds());
    let run = place.drs("verify answers.jsonl");
    assert!(run.stdout.contains("a prediction has no radius"), "{run}");
    run.fails(1, &["2 of 2"]);
}

#[test]
fn conversions_of_images_are_stated_and_replayed() {
    let place = place();
    // Gray needs no conversion; colours that are all gray do, and a name that says something else.
    place.write("images/0/a.pgm", "P2 2 2 255 0 40 0 0");
    place.write("images/0/b.JPEG", "P3 2 2 255 9 9 9 8 8 8 7 7 7 0 0 0");
    let equal = "three equal channels taken as gray";
    let told = |line: &Value| line["conversion"].as_str().map(str::to_owned);
    let both = format!("read as PPM or PGM, which it is inside; {equal}");
    let certify = "certify --experts experts.toml --data images --labels none --n 400 --seed 3";
    let _ = place.drs(&format!("{certify} --out images.tsv")).succeeds();
    assert_eq!(
        lines(&place, "images.jsonl").iter().map(told).collect::<Vec<_>>(),
        [None, Some(both.clone())]
    );
    let route =
        "route --experts experts.toml --n 400 --seed 1 --json images/0/a.pgm images/0/b.JPEG";
    place.write("answers.jsonl", place.drs(route).succeeds());
    assert_eq!(
        lines(&place, "answers.jsonl").iter().map(told).collect::<Vec<_>>(),
        [None, Some(both)]
    );
    for (file, data) in [("images", "--data images --labels none"), ("answers", "")] {
        let replay = format!("--replay --experts experts.toml {data}");
        let _ = place.drs(&format!("verify {file}.jsonl {replay}")).succeeds();
        let mut changed = lines(&place, &format!("{file}.jsonl"));
        changed[0]["conversion"] = json!(equal);
        changed[1].as_object_mut().unwrap().remove("conversion");
        place.write("changed.jsonl", text(&changed));
        let run = place.drs(&format!("verify changed.jsonl {replay}"));
        let first = format!("conversion: \"{equal}\", expected nothing");
        assert!(run.stdout.contains(&first), "{run}");
        assert!(run.stdout.contains("conversion: nothing, expected \"read as PPM"), "{run}");
        run.fails(1, &["2 of 2"]);
    }
}

#[test]
fn invented_votes_follow_but_do_not_replay() {
    let place = place();
    // Votes of an expert whose threshold lies elsewhere: all numbers follow from them.
    let mut pool = Halfspaces::pair();
    let honest = pool.toml();
    pool.experts[1].3 = 60.5;
    place.write("experts.toml", pool.toml());
    let _ = place.drs(&format!("{CERTIFY} --method one:far --out false.tsv")).succeeds();
    let _ = place.drs("verify false.jsonl").succeeds();
    place.write("experts.toml", honest);
    let run = place.drs(&format!("verify false.jsonl {REPLAY}"));
    assert!(run.stdout.contains("looks: ") && run.stdout.contains("votes of far"), "{run}");
    run.fails(1, &["of 4 records are rejected"]);
}

#[test]
fn a_vote_in_a_hundred_is_another_device_and_not_more() {
    let place = place();
    // A lattice step moves at most 0.7 % of the votes at sigma 0.25, and forty of them a tenth.
    let replay = |threshold: f64| {
        let mut pool = Halfspaces::pair();
        pool.experts[0].3 = threshold;
        place.write("experts.toml", pool.toml());
        place.drs(&format!("verify near.jsonl --json {REPLAY}"))
    };
    let certify = format!("{CERTIFY} --method one:near --sampling fixed --n0 300 --out near.tsv");
    let _ = place.drs(&certify.replace("--n 600", "--n 5000")).succeeds();
    let same = replay(99.5).succeeds();
    assert_eq!(same.matches("\"status\":\"equal\"").count(), 4);
    assert!(!same.contains("configuration"), "{same}");
    let near = replay(100.5).succeeds();
    let consistent: Vec<Value> = near
        .lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .filter(|row: &Value| row["status"] == "consistent")
        .collect();
    assert!(consistent.len() >= 2, "{near}");
    for row in &consistent {
        let [differing, draws] = ["differing", "draws"].map(|key| row[key].as_u64().unwrap());
        assert!(differing > 0 && draws == 5300 && differing * 100 <= draws, "{row}");
        assert!(row["here"]["radius"].is_number(), "{row}");
        let field = &row["configuration"]["field"];
        assert_eq!(field, "provenance.models[1].config_sha256", "{row}");
    }
    let far = replay(139.5);
    assert!(far.stdout.contains("\"status\":\"rejected\""), "{far}");
    far.fails(1, &["are rejected"]);
}

#[test]
fn another_pool_or_other_data_is_told_by_its_digest() {
    let place = place();
    let toml = place.read("experts.toml");
    let with = |more: &str, word: &str| {
        let run = place.drs(&format!("verify out.jsonl {REPLAY} {more}"));
        assert!(run.stdout.contains(word), "no \"{word}\"\n{run}");
        run.fails(1, &["4 of 4"]);
    };
    place.write("experts.toml", toml.replace("sigma = 0.25", "sigma = 0.26"));
    with("", "certificate.provenance.models[1].sigma: 0.25, expected 0.26");
    place.write("experts.toml", toml.replace("\"near\"", "\"close\"").replace("near =", "close ="));
    with("", "certificate.provenance.models[1].name: \"near\", expected \"close\"");
    let alone = Halfspaces { router: None, ..Halfspaces::pair() };
    place.write("experts.toml", alone.toml());
    with("", "certificate.provenance.models");
    place.write("experts.toml", &toml);
    let inputs = [[1, 40, 0, 0], [254, 250, 0, 9], [111, 120, 7, 7], [61, 90, 1, 1]];
    place.write_idx(
        "data",
        [2, 2],
        &inputs.map(|input| (input.to_vec(), u8::from(input[0] > 111))),
    );
    with("", "certificate.provenance.input.sha256");
    place.write_idx("data", [2, 2], &[]);
    let mut forged = lines(&place, "out.jsonl");
    for line in &mut forged {
        line["certificate"]["provenance"]["models"][0]["plugin_sha256"] = json!("0".repeat(64));
    }
    place.write("out.jsonl", text(&forged));
    let inputs = [[0, 40, 0, 0], [255, 250, 0, 9], [110, 120, 7, 7], [60, 90, 1, 1]];
    place.write_idx(
        "data",
        [2, 2],
        &inputs.map(|input| (input.to_vec(), u8::from(input[0] > 110))),
    );
    with("", "certificate.provenance.models[0].plugin_sha256");
}

#[test]
fn a_router_that_shares_a_network_replays() {
    let place = place();
    let pairs = "classes = [\"near/low\", \"near/high\", \"far/low\", \"far/high\"]";
    let toml = format!(
        "[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\n[router]\nshares = \"near\"\n\
         [[expert]]\nname = \"near\"\nplugin = \"halfspace\"\n\
         config = {{ sigma = 0.5, weights = [1.0, 0.0, 0.0, 0.0], thresholds = [0.2, 0.5, 0.8], {pairs} }}\n\
         [[expert]]\nname = \"far\"\nplugin = \"halfspace\"\n\
         config = {{ sigma = 0.5, weights = [1.0, 0.0, 0.0, 0.0], thresholds = [0.5], classes = [\"low\", \"high\"] }}\n"
    );
    place.write("experts.toml", toml);
    let _ = place.drs(&format!("{CERTIFY} --out shared.tsv")).succeeds();
    let told = place.drs(&format!("verify shared.jsonl {REPLAY}")).succeeds();
    assert!(told.contains("votes drawn again: 4 equal"), "{told}");
}

#[test]
fn records_of_version_3_are_still_read_but_not_verified() {
    let place = place();
    let mut old = lines(&place, "out.jsonl");
    for line in &mut old {
        line["certificate"]["version"] = json!(3);
        line["certificate"].as_object_mut().unwrap().remove("classes");
    }
    place.write("old.jsonl", text(&old));
    let analysed = |name: &str| place.drs(&format!("analyze {name} --format csv")).succeeds();
    assert_eq!(analysed("old.jsonl").replace("old", "out"), analysed("out.jsonl"));
    let run = place.drs("verify old.jsonl");
    assert!(run.stdout.contains("certificate.version: 3, expected 6"), "{run}");
    run.fails(1, &["4 of 4"]);
}
