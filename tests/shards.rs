//! Runs in shards, put together.

use drs_tests::{Halfspaces, Place, results_without_time};

const RUN: &str = "certify --experts experts.toml --data data --n 500 --seed 4 --start 1 --skip 2";

fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..90u8).map(|i| (vec![2 * i, 120, i, 0], u8::from(i > 60))).collect();
    place.write_idx("data", [2, 2], &inputs);
    place
}

fn shard(place: &Place, shard: &str, more: &str) {
    let _ = place.drs(&format!("{RUN} --out out.tsv --shard {shard} {more}")).succeeds();
}

fn tables(of: usize) -> String {
    (1..=of).map(|index| format!("out.{index}-of-{of}.tsv ")).collect()
}

#[test]
fn eight_shards_are_the_whole() {
    let place = place();
    let _ = place.drs(&format!("{RUN} --out whole.tsv")).succeeds();
    let whole = results_without_time(&place, "whole");
    (1..=8).for_each(|index| shard(&place, &format!("{index}/8"), ""));
    // A task that is started again finds its work done.
    shard(&place, "3/8", "");
    let merged = place.drs(&format!("merge {} --out merged.tsv", tables(8)));
    assert!(merged.stderr.contains("45 inputs of 8 shards"), "{merged}");
    let _ = merged.succeeds();
    assert_eq!(results_without_time(&place, "merged"), whole);
    // The engines' variables do the same.
    for index in 0..8 {
        let mut command = place.command(&format!("{RUN} --out slurm.tsv"), &[]);
        command.env("SLURM_ARRAY_TASK_ID", (index + 10).to_string());
        command.env("SLURM_ARRAY_TASK_MIN", "10").env("SLURM_ARRAY_TASK_MAX", "17");
        assert!(command.env("SLURM_ARRAY_TASK_COUNT", "8").output().unwrap().status.success());
        let mut command = place.command(&format!("{RUN} --out k8s.tsv"), &[]);
        command.env("JOB_COMPLETION_INDEX", index.to_string()).env("DRS_SHARDS", "8");
        assert!(command.output().unwrap().status.success());
    }
    for name in ["slurm", "k8s"] {
        let shards = tables(8).replace("out.", &format!("{name}."));
        let _ = place.drs(&format!("merge {shards} --out {name}-merged.tsv")).succeeds();
        assert_eq!(results_without_time(&place, &format!("{name}-merged")), whole);
    }
}

#[test]
fn shards_without_inputs_are_merged_too() {
    let place = place();
    for index in 1..=3 {
        shard(&place, &format!("{index}/3"), "--max 2");
    }
    let _ = place.drs(&format!("merge {} --out merged.tsv", tables(3))).succeeds();
    let _ = place.drs(&format!("{RUN} --max 2 --out whole.tsv")).succeeds();
    assert_eq!(results_without_time(&place, "merged"), results_without_time(&place, "whole"));
}

#[test]
fn merging_tells_what_does_not_fit() {
    let place = place();
    let merge = |shards: &str| place.drs(&format!("merge {shards} --out merged.tsv"));
    for index in 1..=3 {
        shard(&place, &format!("{index}/3"), "");
    }
    merge("out.1-of-3.tsv out.3-of-3.tsv").fails(1, &["missing of 3 shards: 2/3"]);
    merge("out.1-of-3.tsv out.1-of-3.tsv").fails(1, &["are both shard 1/3"]);
    merge("absent.tsv").fails(1, &["there is no absent.run.json beside it"]);
    let _ = place.drs(&format!("{RUN} --out whole.tsv")).succeeds();
    merge("whole.tsv out.1-of-3.tsv").fails(1, &["whole.tsv is no shard but a whole run"]);
    // One line less.
    let (table, records) = (place.read("out.2-of-3.tsv"), place.read("out.2-of-3.jsonl"));
    let but_last = |text: &str| {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        lines[..lines.len() - 1].concat()
    };
    place.write("out.2-of-3.tsv", but_last(&table));
    place.write("out.2-of-3.jsonl", but_last(&records));
    merge(&tables(3)).fails(1, &["shard 2/3 is not finished: 1 inputs are missing (87)"]);
    // One line twice.
    let last = |text: &str| text.split_inclusive('\n').next_back().unwrap().to_owned();
    place.write("out.2-of-3.tsv", format!("{table}{}", last(&table)));
    place.write("out.2-of-3.jsonl", format!("{records}{}", last(&records)));
    merge(&tables(3)).fails(1, &["out.2-of-3.jsonl: line 16: input 87 is there twice"]);
    // Another threshold: nothing but the configuration tells.
    let mut other = Halfspaces::pair();
    other.experts[0].3 += 1.0;
    let pool = place.read("experts.toml");
    place.write("experts.toml", other.toml());
    shard(&place, "2/3", "--overwrite");
    place.write("experts.toml", pool);
    merge(&tables(3)).fails(1, &["of different runs", "models[1].config_sha256"]);
    // Another seed.
    shard(&place, "2/3", "--overwrite --n0 60");
    merge(&tables(3)).fails(1, &["of different runs", "protocol.n0 is 60 in the first, 100"]);
    shard(&place, "2/3", "--overwrite");
    assert!(!place.path("merged.tsv").exists(), "a refusal writes nothing");
    // A shard is worth more than what is made of it.
    place
        .drs(&format!("merge {} --out ./out.2-of-3.tsv --overwrite", tables(3)))
        .fails(2, &["./out.2-of-3.tsv would be written, but it is out.2-of-3.tsv, which is read"]);
    let _ = merge(&tables(3)).succeeds();
    merge(&tables(3)).fails(1, &["merged.tsv exists", "--overwrite"]);
    place.drs(&format!("{RUN} --out out.tsv --shard 4/3")).fails(2, &["I/N with I from 1 to N"]);
}

/// A real Slurm, where it is installed: `tests/slurm/run.sh`.
#[cfg(target_os = "linux")]
#[test]
fn slurm_runs_an_array_whose_merge_is_the_whole() {
    let place = place();
    let options = "--method one:near --n 500000 --full";
    let whole = format!("certify --experts experts.toml --data data --seed 4 {options}");
    let script = drs_tests::root().join("tests/slurm/run.sh");
    let folders = std::env::var("PATH").unwrap_or_default();
    let output = std::process::Command::new(script)
        .arg(place.path("."))
        .env("PATH", format!("{}:{folders}", drs_tests::built().display()))
        .env("DRS_TEST_ARGS", options)
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let said = said.join("\n");
    if output.status.code() == Some(77) {
        return drs_tests::skipped(said.trim());
    }
    assert!(output.status.success() && said.contains("Restarts=1"), "{said}");
    let _ = place.drs(&format!("{whole} --out whole.tsv")).succeeds();
    assert_eq!(results_without_time(&place, "slurm"), results_without_time(&place, "whole"));
}
