//! Runs that get more inputs, lose a file, or meet inputs that cannot be read.

use drs_tests::{Halfspaces, Place, results_without_time};

const RUN: &str = "certify --experts experts.toml --data data --n 500 --seed 4";

fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..60u8).map(|i| (vec![4 * i, 120, i, 0], u8::from(i > 25))).collect();
    place.write_idx("data", [2, 2], &inputs);
    place
}

/// A folder of images, the label of each in its folder's name; those in `broken` are no images.
fn images(place: &Place, broken: &[u32]) {
    for index in 0..12u32 {
        let name = format!("images/{}/{index:02}.png", if index < 6 { "high" } else { "low" });
        place.write(&name, "");
        let value = u8::try_from(20 * index).expect("a pixel");
        let image = image::GrayImage::from_pixel(2, 2, image::Luma([value]));
        image.save(place.path(&name)).expect("an image");
        if broken.contains(&index) {
            place.write(&name, "no image");
        }
    }
}

#[test]
fn a_run_gets_more_inputs_and_is_as_if_it_had_had_them_from_the_start() {
    let place = place();
    for (case, (first, then)) in [
        ("--max 10", "--max 30"),
        ("--max 10", ""),
        ("--start 3 --skip 6", "--skip 3"),
        ("--start 30 --max 5", "--start 20"),
        ("--skip 20", "--skip 5 --max 11"),
    ]
    .into_iter()
    .enumerate()
    {
        let (out, whole) = (format!("out-{case}"), format!("whole-{case}"));
        let _ = place.drs(&format!("{RUN} --out {out}.tsv {first}")).succeeds();
        let before = place.read(&format!("{out}.jsonl"));
        let more = place.drs(&format!("{RUN} --out {out}.tsv {then}"));
        let count = before.lines().count();
        assert!(more.stderr.contains(&format!("extended from {count} to ")), "{more}");
        assert!(more.stderr.contains(&format!("{count} of ")), "{more}");
        let _ = more.succeeds();
        let _ = place.drs(&format!("{RUN} --out {whole}.tsv {then}")).succeeds();
        assert_eq!(
            results_without_time(&place, &out),
            results_without_time(&place, &whole),
            "{first}, then {then}"
        );
        // What was there is there as it was, times too.
        let after = place.read(&format!("{out}.jsonl"));
        assert!(before.lines().all(|line| after.lines().any(|other| other == line)));
    }
    let done = place.drs(&format!("{RUN} --out out-0.tsv --max 30")).succeeds();
    assert!(
        done.contains("nothing was left to do") && !done.contains("per input, models"),
        "{done}"
    );
    // Less, or others, is another run.
    for (then, words) in [
        (
            "--max 29",
            &["max: 30 there, 29 asked for", "may be extended", "lack 1 (such as 29)"][..],
        ),
        ("--max 30 --start 1", &["start: 0 there, 1 asked for", "(such as 0)"]),
        ("--max 30 --skip 2", &["skip: 1 there, 2 asked for", "lack 15"]),
    ] {
        place.drs(&format!("{RUN} --out out-0.tsv {then}")).fails(1, words);
    }
    let other = RUN.replace("--seed 4", "--seed 5");
    place
        .drs(&format!("{other} --out out-0.tsv --max 30"))
        .fails(1, &["\n  seed: ", "(seed is a digest of the number that --seed was given)"]);
    let toml = place.read("experts.toml");
    assert!(toml.contains("sigma = 0.25"), "{toml}");
    place.write("experts.toml", toml.replace("sigma = 0.25", "sigma = 0.26"));
    place
        .drs(&format!("{RUN} --out out-0.tsv --max 30"))
        .fails(1, &["config_sha256: ", "(config_sha256 is a digest of the model's config"]);
}

#[test]
fn shards_get_more_inputs_where_they_keep_theirs() {
    let place = place();
    let shard = |index: u32, more: &str| {
        place.drs(&format!("{RUN} --out out.tsv --shard {index}/3 {more}"))
    };
    for index in 1..=3 {
        let _ = shard(index, "--max 20 --skip 2").succeeds();
    }
    shard(2, "--max 20 --skip 1").fails(1, &["shards can be extended by a larger --max alone"]);
    let _ = shard(1, "--skip 2").succeeds();
    let merge = "merge out.1-of-3.tsv out.2-of-3.tsv out.3-of-3.tsv --out merged.tsv";
    place.drs(merge).fails(1, &["of different runs", "max"]);
    for index in 2..=3 {
        let _ = shard(index, "--skip 2").succeeds();
    }
    let _ = place.drs(merge).succeeds();
    let _ = place.drs(&format!("{RUN} --out whole.tsv --skip 2")).succeeds();
    assert_eq!(results_without_time(&place, "merged"), results_without_time(&place, "whole"));
}

#[test]
fn the_table_is_made_again_and_what_cannot_be_is_told() {
    let place = place();
    let run = format!("{RUN} --out out.tsv");
    let _ = place.drs(&run).succeeds();
    let files = ["out.tsv", "out.jsonl", "out.run.json"].map(|name| (name, place.read(name)));
    let table = files[0].1.clone();
    let restore = || {
        for (name, text) in &files {
            place.write(name, text);
        }
    };
    let lose = |name: &str| std::fs::remove_file(place.path(name)).unwrap();
    lose("out.tsv");
    let again = place.drs(&run);
    assert!(again.stderr.contains("out.tsv was gone: it is made again"), "{again}");
    let _ = again.succeeds();
    assert_eq!(place.read("out.tsv"), table);
    // Shards are merged without theirs.
    for index in 1..=2 {
        let _ = place.drs(&format!("{RUN} --out part.tsv --shard {index}/2")).succeeds();
    }
    lose("part.1-of-2.tsv");
    let _ = place.drs("merge part.1-of-2.tsv part.2-of-2.tsv --out merged.tsv").succeeds();
    assert_eq!(results_without_time(&place, "merged"), results_without_time(&place, "out"));

    lose("out.jsonl");
    place.drs(&run).fails(1, &["out.tsv is there, but out.jsonl", "bring it back", "--overwrite"]);
    restore();
    lose("out.run.json");
    place
        .drs(&run)
        .fails(1, &["out.tsv exists, but out.run.json", "bring that back", "--overwrite"]);
    assert_eq!(place.read("out.tsv"), table, "a refusal changes nothing");
}

/// Lines in another order, as they are when a run was extended, and a process that dies between
/// the two files: nothing is lost.
#[test]
fn sorting_that_is_cut_short_is_done_again() {
    let place = place();
    let _ = place.drs(&format!("{RUN} --out out.tsv")).succeeds();
    let whole = results_without_time(&place, "out");
    let reversed = |text: &str, head: usize| -> String {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (head, rest) = lines.split_at(head);
        head.iter().chain(rest.iter().rev()).copied().collect()
    };
    let (table, records) = (place.read("out.tsv"), place.read("out.jsonl"));
    for (rows, lines) in [
        (reversed(&table, 1), reversed(&records, 0)),
        (String::new(), reversed(&records, 0)),
        (String::new(), records.clone()),
    ] {
        place.write("out.tsv", rows);
        place.write("out.jsonl", lines);
        let _ = place.drs(&format!("{RUN} --out out.tsv")).succeeds();
        assert_eq!(results_without_time(&place, "out"), whole);
    }
    let left: Vec<_> = std::fs::read_dir(place.path(".")).unwrap().collect();
    assert_eq!(left.len(), 5, "no other file is left: {left:?}");
}

#[test]
fn an_input_that_cannot_be_read_costs_only_itself() {
    let place = place();
    let run = RUN.replace("--data data", "--data images");
    images(&place, &[]);
    let _ = place.drs(&format!("{run} --out whole.tsv")).succeeds();
    images(&place, &[0, 7]);
    let broken = place.drs(&format!("{run} --out out.tsv"));
    assert_eq!(broken.stderr.matches("going on without this input").count(), 2, "{broken}");
    let words = ["images/high/00.png", "2 of 12 inputs could not be read", "10 inputs are kept"];
    broken.fails(3, &words);
    assert_eq!(place.read("out.tsv").lines().count(), 11);
    let listed: serde_json::Value = serde_json::from_str(&place.read("out.failed.json")).unwrap();
    let listed: Vec<u64> =
        listed.as_array().unwrap().iter().map(|entry| entry["idx"].as_u64().unwrap()).collect();
    assert_eq!(listed, [0, 7]);
    // One of them is mended: it is the same run, and the other is still listed.
    images(&place, &[7]);
    let again = place.drs(&format!("{run} --out out.tsv"));
    assert!(again.stderr.contains("10 of 12 inputs are there already"), "{again}");
    again.fails(3, &["1 of 12 inputs could not be read", "07.png"]);
    // In shards, whose merge goes on without it too, and says so.
    for index in 1..=2 {
        let shard = place.drs(&format!("{run} --out part.tsv --shard {index}/2"));
        assert_eq!(shard.code, [0, 3][index - 1], "{shard}");
    }
    place
        .drs("merge part.1-of-2.tsv part.2-of-2.tsv --out merged.tsv")
        .fails(3, &["11 inputs of 2 shards", "1 of 12 inputs could not be read"]);
    assert_eq!(results_without_time(&place, "merged"), results_without_time(&place, "out"));
    images(&place, &[]);
    let _ = place.drs(&format!("{run} --out out.tsv")).succeeds();
    assert_eq!(results_without_time(&place, "out"), results_without_time(&place, "whole"));
    assert!(!place.path("out.failed.json").exists());
    // Another image in its place is another data set.
    place.write("images/high/00.png", std::fs::read(place.path("images/high/01.png")).unwrap());
    place.drs(&format!("{run} --out out.tsv")).fails(1, &["data.probes.0"]);
    // One that cannot be read any more is not verified; the others are.
    images(&place, &[7]);
    place
        .drs("verify whole.jsonl --replay --experts experts.toml --data images")
        .fails(1, &["1 of 12 records are rejected"]);
    // Data of which nothing can be read are something else.
    images(&place, &(0..12).collect::<Vec<u32>>());
    place
        .drs(&format!("{run} --out none.tsv"))
        .fails(1, &["none of the 12 inputs tried can be read", "00.png"]);
}
