//! `drs verify` on files that are put together from several runs, and on labels.

use drs_tests::{Halfspaces, Place};
use serde_json::{Value, json};

const CERTIFY: &str = "certify --experts experts.toml --data data --n 500 --overwrite";

const REPLAY: &str = "--replay --experts experts.toml --data data";

/// The pool, with a term that may claim so much without the router and such a share for it.
fn toml(cap: f64, route: f64) -> String {
    let terms = format!(
        "[[blend]]\nweights = {{ far = 1 }}\n\
         [[blend]]\nweights = {{ near = 1 }}\ncap = {cap:?}\nroute = [\"near\"]\n\
         [alpha]\nroute = {route:?}\n"
    );
    Halfspaces::pair().toml() + &terms
}

/// Four labelled inputs.
fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", toml(0.05, 0.5));
    let inputs = [[0, 40, 0, 0], [255, 250, 0, 9], [110, 120, 7, 7], [60, 90, 1, 1]];
    place.write_idx(
        "data",
        [2, 2],
        &inputs.map(|input| (input.to_vec(), u8::from(input[0] > 110))),
    );
    place
}

/// Certifies; the records, one for each input.
fn records(place: &Place, args: &str, out: &str) -> Vec<String> {
    let _ = place.drs(&format!("{CERTIFY} {args} --out {out}.tsv")).succeeds();
    place.read(&format!("{out}.jsonl")).lines().map(str::to_owned).collect()
}

/// Of two runs every other record each.
fn assemble(place: &Place, first: &[String], second: &[String]) {
    let odd = |(place, pair): (usize, (&String, &String))| {
        if place % 2 == 0 { pair.0.clone() } else { pair.1.clone() }
    };
    let lines: Vec<String> = first.iter().zip(second).enumerate().map(odd).collect();
    place.write("both.jsonl", lines.join("\n"));
}

#[test]
fn a_file_of_two_runs_is_refused_and_told_why() {
    let place = place();
    let wide = Halfspaces {
        experts: vec![("near", 0.3, 0, 99.5), ("far", 0.5, 0, 119.5)],
        ..Halfspaces::pair()
    };
    let own = toml(0.05, 0.5);
    let wide = own.replace(&Halfspaces::pair().toml(), &wide.toml());
    let moved = Halfspaces {
        experts: vec![("near", 0.25, 0, 98.5), ("far", 0.5, 0, 119.5)],
        ..Halfspaces::pair()
    };
    let moved = own.replace(&Halfspaces::pair().toml(), &moved.toml());
    assert!(own != wide && own != moved);
    for (pool, args, field) in [
        (&toml(0.07, 0.5), "", "certificate.blend[1].cap: 0.07, expected 0.05 as in line 1"),
        (&toml(0.05, 0.6), "", "certificate.protocol.split.route: 0.6, expected 0.5 as in line 1"),
        (&wide, "", "certificate.provenance.models[1].sigma: 0.3, expected 0.25 as in line 1"),
        (&moved, "", "certificate.provenance.models[1].config_sha256"),
        (&own, "--first-look 60", "certificate.protocol.sampling.sequential.schedule.first: 60"),
        (&own, "--look-growth 1.5", "certificate.protocol.sampling.sequential.schedule.growth"),
        (&own, "--full", "certificate.protocol.sampling.sequential.stopping"),
        (&own, "--sampling fixed", "certificate.protocol.sampling"),
        (&own, "--two-sided", "certificate.protocol.bounding: \"two-sided\""),
        (&own, "--alpha 0.01", "certificate.protocol.alpha: 0.01"),
        (&own, "--n 400", "certificate.protocol.n: 400"),
        (&own, "--n0 50", "certificate.protocol.n0: 50"),
        (&own, "--method maxmin", "certificate.method: \"maxmin\", expected \"blend\""),
        (&own, "--seed 4", "certificate.provenance.seed"),
    ] {
        place.write("experts.toml", &own);
        let first = records(&place, "--seed 3 --method blend", "first");
        place.write("experts.toml", pool);
        let usual = if args.contains("--seed") { "" } else { "--seed 3" };
        let method = if args.contains("--method") { "" } else { "--method blend" };
        let certify =
            CERTIFY.replace("--n 500", if args.contains("--n ") { "" } else { "--n 500" });
        let _ =
            place.drs(&format!("{certify} {usual} {method} {args} --out second.tsv")).succeeds();
        let second: Vec<String> = place.read("second.jsonl").lines().map(str::to_owned).collect();
        let told = place.drs("verify first.jsonl second.jsonl").succeeds();
        assert!(told.contains("first.jsonl: 4 of 4") && told.contains("second.jsonl: 4 of 4"));
        assemble(&place, &first, &second);
        let run = place.drs("verify both.jsonl");
        assert!(run.stdout.contains(&format!("both.jsonl:2: {field}")), "no \"{field}\"\n{run}");
        run.fails(1, &["the file is put together from several runs", "--mixed"]);
        let told = place.drs("verify both.jsonl --mixed").succeeds();
        assert!(!told.contains("both.jsonl:2:"), "{told}");
        assert_eq!(told.matches("\n  2 x ").count(), 2, "{told}");
        let name = field.split(':').next().unwrap();
        assert!(told.contains(&format!("from line 2: {name} is ")), "{told}");
    }
}

#[test]
fn several_runs_are_one_object_of_json() {
    let place = place();
    let first = records(&place, "--seed 3", "first");
    let second = records(&place, "--seed 4", "second");
    assemble(&place, &first, &second);
    let run = place.drs("verify both.jsonl --json");
    let last: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["status"], "mixed");
    assert_eq!((&last["runs"][0]["records"], &last["runs"][0]["field"]), (&json!(2), &json!(null)));
    assert_eq!((&last["runs"][1]["line"], &last["runs"][1]["records"]), (&json!(2), &json!(2)));
    assert_eq!(last["runs"][1]["field"], "certificate.provenance.seed");
    run.fails(1, &["several runs"]);
    let text = place.drs("verify both.jsonl --json --mixed").succeeds();
    assert_eq!(text.lines().count(), 5, "{text}");
    // Each file is looked at by itself.
    let _ = place.drs("verify first.jsonl second.jsonl --json").succeeds();
}

#[test]
fn a_replay_compares_terms_and_split_with_the_pool() {
    let place = place();
    let _ = records(&place, "--seed 3 --method blend", "blend");
    let _ = records(&place, "--seed 3", "maxmin");
    let with = |file: &str| place.drs(&format!("verify {file}.jsonl {REPLAY}"));
    for file in ["blend", "maxmin"] {
        let told = with(file).succeeds();
        assert!(told.contains("votes drawn again: 4 equal"), "{told}");
    }
    place.write("experts.toml", toml(0.07, 0.5));
    let run = with("blend");
    let words = "blend.jsonl:1: certificate.blend[1].cap: 0.05, expected 0.07 as in experts.toml";
    assert!(run.stdout.contains(words), "{run}");
    run.fails(1, &["4 of 4 records are rejected"]);
    // Other methods have no terms.
    let _ = with("maxmin").succeeds();
    place.write("experts.toml", toml(0.05, 0.4));
    for file in ["blend", "maxmin"] {
        let run = with(file);
        let words = "certificate.protocol.split.route: 0.5, expected 0.4 as in experts.toml";
        assert!(run.stdout.contains(words), "{run}");
        run.fails(1, &["4 of 4 records are rejected"]);
    }
}

#[test]
fn labels_and_indices_are_those_of_the_data() {
    let place = place();
    let lines = records(&place, "--seed 3", "out");
    let told = place.drs("verify out.jsonl").succeeds();
    assert!(told.contains("taken on trust: 4 labels; --data compares them"), "{told}");
    // With experts.toml or without, and no plugin is needed for it.
    for args in ["--data data", "--data data --experts experts.toml"] {
        let told = place.drs(&format!("verify out.jsonl {args}")).succeeds();
        assert!(told.contains("as in the data: 4 inputs, 4 labels"), "{told}");
        assert!(!told.contains("taken on trust: 4 labels"), "{told}");
        assert!(told.contains("taken on trust: the votes themselves"), "{told}");
    }
    let told = place.drs("verify out.jsonl --data data --labels none").succeeds();
    assert!(told.contains("taken on trust: 4 labels; the data has none"), "{told}");

    let mut changed: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    changed[0]["label"] = json!(1);
    changed[0]["correct"] = json!(changed[0]["certificate"]["verdict"]["class"] == json!(1));
    changed[3]["idx"] = json!(7);
    let text: String = changed.iter().map(|line| format!("{line}\n")).collect();
    place.write("changed.jsonl", text);
    let _ = place.drs("verify changed.jsonl").succeeds();
    for args in ["--data data", REPLAY] {
        let run = place.drs(&format!("verify changed.jsonl {args}"));
        assert!(run.stdout.contains("changed.jsonl:1: label: 1, expected 0"), "{run}");
        assert!(run.stdout.contains("changed.jsonl:4: idx: 7, expected an index below 4"), "{run}");
        run.fails(1, &["2 of 4"]);
    }
    // Records of other inputs are told by the digest.
    changed[0] = serde_json::from_str(&lines[1]).unwrap();
    changed[0]["idx"] = json!(0);
    changed[0]["label"] = json!(0);
    changed[0]["correct"] = json!(false);
    place.write("changed.jsonl", changed[0].to_string());
    let run = place.drs("verify changed.jsonl --data data");
    assert!(run.stdout.contains("1: certificate.provenance.input.sha256: "), "{run}");
    run.fails(1, &["1 of 1"]);
}

#[test]
fn resized_images_are_found_with_the_help_of_the_pool() {
    let place = place();
    for (class, value) in [("high", 200u8), ("low", 30)] {
        let image = image::GrayImage::from_pixel(5, 4, image::Luma([value]));
        std::fs::create_dir_all(place.path(&format!("photos/{class}"))).unwrap();
        image.save(place.path(&format!("photos/{class}/a.png"))).unwrap();
    }
    let resize = "quantum = \"1/255\"\nresize = { side = 3 }";
    place.write("experts.toml", toml(0.05, 0.5).replace("quantum = \"1/255\"", resize));
    let certify = CERTIFY.replace("--data data", "--data photos");
    let _ = place.drs(&format!("{certify} --seed 3 --out out.tsv")).succeeds();
    let told = place.drs("verify out.jsonl --data photos --experts experts.toml").succeeds();
    assert!(told.contains("as in the data: 2 inputs, 2 labels"), "{told}");
    place.drs("verify out.jsonl --data photos").fails(1, &["--experts FILE tells how images"]);
}
