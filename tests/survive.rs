//! Runs that are killed, stopped, out of space or started twice, and go on.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use drs_tests::{Halfspaces, Place, built, results_without_time};
use rand::{RngExt as _, SeedableRng as _};

const RUN: &str = "certify --experts experts.toml --data data --n 3000 --seed 4 --threads 1";

const INPUTS: usize = 120;

/// Inputs that take about a tenth of a second.
fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> = (0..INPUTS as u32)
        .map(|i| (vec![(2 * i % 256) as u8, 120, i as u8, 0], u8::from(i > 60)))
        .collect();
    place.write_idx("data", [2, 2], &inputs);
    place
}

fn start(place: &Place, out: &str) -> Child {
    let mut command = place.command(&format!("{RUN} --out {out}.tsv"), &[]);
    command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("drs starts")
}

fn rows(place: &Place, out: &str) -> usize {
    let text = std::fs::read_to_string(place.path(&format!("{out}.tsv"))).unwrap_or_default();
    text.lines().count().saturating_sub(1)
}

#[test]
fn kill_9_at_200_random_moments_changes_no_byte() {
    let place = place();
    let begun = Instant::now();
    let _ = place.drs(&format!("{RUN} --out whole.tsv")).succeeds();
    let whole_run = begun.elapsed();
    let whole = results_without_time(&place, "whole");

    let mut random = rand::rngs::StdRng::seed_from_u64(9);
    let (mut kills, mut runs, mut inside) = (0, 0, 0);
    while kills < 200 {
        let out = format!("killed-{runs}");
        let mut there = 0;
        // A file that is whole has nothing left to be killed in: the next run takes the next file.
        while kills < 200 && there < INPUTS {
            let mut child = start(&place, &out);
            if random.random_bool(0.2) {
                std::thread::sleep(whole_run.mul_f64(random.random_range(0.0..0.9)));
            } else {
                // At a place in the file: a machine that is busy now and then hits no moment by the clock.
                let at = random.random_range(there..INPUTS.min(there + 30));
                while rows(&place, &out) < at && child.try_wait().unwrap().is_none() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            there = rows(&place, &out);
            kills += 1;
            inside += usize::from((1..INPUTS).contains(&there));
        }
        let _ = place.drs(&format!("{RUN} --out {out}.tsv")).succeeds();
        assert_eq!(results_without_time(&place, &out), whole, "{out}, after {kills} kills");
        runs += 1;
    }
    // Else nothing was tried.
    assert!(inside >= 40, "{inside} of {kills} kills left an unfinished file, in {runs} runs");
}

#[test]
fn a_torn_end_is_mended() {
    let place = place();
    let _ = place.drs(&format!("{RUN} --out whole.tsv")).succeeds();
    let whole = results_without_time(&place, "whole");
    let (table, records) = (place.read("whole.tsv"), place.read("whole.jsonl"));
    let run = place.read("whole.run.json");
    let cases = [
        (table.len() - 3, records.len()),
        (table.len(), records.len() - 1),
        (table.len() / 2, records.len()),
        (table.len(), records.len() / 2),
        (table.len() / 2, records.len() / 3),
        (5, 0),
        (0, 0),
    ];
    for (case, (rows, text)) in cases.into_iter().enumerate() {
        let out = format!("torn-{case}");
        place.write(&format!("{out}.tsv"), &table[..rows]);
        place.write(&format!("{out}.jsonl"), &records[..text]);
        place.write(&format!("{out}.run.json"), &run);
        let done = place.drs(&format!("{RUN} --out {out}.tsv"));
        let said = match case {
            0 => "lacked 1 rows: they are made again",
            2 => "rows: they are made again",
            1 | 3 | 4 => "written half",
            _ => "",
        };
        assert!(done.stderr.contains(said), "{done}");
        let _ = done.succeeds();
        assert_eq!(results_without_time(&place, &out), whole, "{out}");
    }
    // Nothing else has the certificates: rows are not cut off for want of them.
    place.write("emptied.tsv", &table);
    place.write("emptied.jsonl", "");
    place.write("emptied.run.json", &run);
    let words = ["emptied.tsv has rows", "bring it back"];
    place.drs(&format!("{RUN} --out emptied.tsv")).fails(1, &words);
    assert_eq!(place.read("emptied.tsv"), table);
}

#[test]
fn a_run_goes_on_only_as_it_was_begun() {
    let place = place();
    // Fresh entropy: the seed is the run's own.
    let run = RUN.replace("--seed 4", "");
    let mut command = place.command(&format!("{run} --out out.tsv"), &[]);
    let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while rows(&place, "out") < 2 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = place.read("out.tsv");
    for (change, words) in [
        ("--seed 5", &["out.tsv exists", "seed: ", "--overwrite"][..]),
        ("--n 3001", &["protocol.n: 3000 there, 3001 asked for"]),
        ("--method dual", &["method: \"maxmin\" there, \"dual\" asked for"]),
        ("--max 100", &["max: null there, 100 asked for"]),
        ("--shard 1/1 --skip 2", &["skip: 1 there, 2 asked for"]),
        ("--alpha 0.01", &["protocol.alpha"]),
    ] {
        let n = if change.starts_with("--n ") { "--n 3000" } else { "never" };
        place.drs(&format!("{} --out out.tsv {change}", run.replace(n, ""))).fails(1, words);
    }
    let mut other = Halfspaces::pair();
    other.experts[0].3 += 1.0;
    place.write("other.toml", other.toml());
    place
        .drs(&format!("{run} --out out.tsv").replace("experts.toml", "other.toml"))
        .fails(1, &["models[1].config_sha256: "]);
    other.experts[0].1 = 0.3;
    place.write("other.toml", other.toml());
    place
        .drs(&format!("{run} --out out.tsv").replace("experts.toml", "other.toml"))
        .fails(1, &["models[1].sigma: 0.25 there, 0.3 asked for"]);
    let relabelled: Vec<(Vec<u8>, u8)> =
        (0..120u32).map(|i| (vec![(2 * i % 256) as u8, 120, i as u8, 0], 1)).collect();
    place.write_idx("relabelled", [2, 2], &relabelled);
    place
        .drs(&format!("{run} --out out.tsv").replace("--data data", "--data relabelled"))
        .fails(1, &["data.labels"]);
    assert!(place.read("out.tsv").starts_with(&before), "a refusal changes nothing");
    let done = place.drs(&format!("{run} --out out.tsv"));
    assert!(done.stderr.contains("of 120 inputs are there already"), "{done}");
    let _ = done.succeeds();
    assert_eq!(rows(&place, "out"), 120);
    // A finished run has nothing left to do.
    let finished = place.read("out.tsv");
    let again = place.drs(&format!("{run} --out out.tsv"));
    assert!(again.stderr.contains("120 of 120 inputs are there already"), "{again}");
    let _ = again.succeeds();
    assert_eq!(place.read("out.tsv"), finished);
    // Nor does another run's description make them its own.
    let described = place.read("out.run.json");
    let seed = described.split("\"seed\": \"").nth(1).unwrap()[..64].to_owned();
    place.write("out.run.json", described.replace(&seed, &"0".repeat(64)));
    place
        .drs(&format!("{run} --out out.tsv"))
        .fails(1, &["out.jsonl: line 1 is of another run than out.run.json tells"]);
    place.write("out.run.json", described);
    // Results that were changed are not gone on from.
    place.write("out.tsv", finished.replacen("\n0\t0\t", "\n0\t1\t", 1));
    place
        .drs(&format!("{run} --out out.tsv"))
        .fails(1, &["out.tsv: line 2 is not what line 1 of out.jsonl says"]);
}

#[cfg(unix)]
#[test]
fn signals_stop_a_run_that_then_goes_on() {
    let place = place();
    let run = RUN.replace("--n 3000", "--n 400000 --full");
    let _ = place.drs(&format!("{run} --out whole.tsv")).succeeds();
    let whole = results_without_time(&place, "whole");
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let out = format!("stopped{signal}");
        let mut command = place.command(&format!("{run} --out {out}.tsv"), &[]);
        let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while rows(&place, &out) < 1 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let count = rows(&place, &out);
        assert_eq!(output.status.code(), Some(code), "{count} rows: {said}");
        assert!((1..120).contains(&count), "{count} rows");
        assert!(said.contains("the same command goes on there"), "{said}");
        // Whole lines, in both files the same inputs.
        let table = place.read(&format!("{out}.tsv"));
        assert!(table.ends_with('\n'));
        assert_eq!(place.read(&format!("{out}.jsonl")).lines().count(), count);
        let _ = place.drs(&format!("{run} --out {out}.tsv")).succeeds();
        assert_eq!(results_without_time(&place, &out), whole, "{out}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_a_run_that_then_goes_on() {
    let place = place();
    let run = RUN.replace("--n 3000", "--n 30000 --full");
    let _ = place.drs(&format!("{run} --out whole.tsv")).succeeds();
    let whole = results_without_time(&place, "whole");
    let mut command = place.command(&format!("{run} --out full.tsv"), &[]);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    while !place.path("full.run.json").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // Now that the copies of its plugins are made: files of at most 64 KiB, a few dozen records.
    let pid = child.id().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, "--fsize=65536"]).status();
    assert!(limited.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in ["cannot write full.jsonl", "are kept in full.tsv", "goes on there"] {
        assert!(said.contains(word), "{said}");
    }
    let kept = rows(&place, "full");
    assert!((1..120).contains(&kept), "{kept} rows");
    let _ = place.drs(&format!("{run} --out full.tsv")).succeeds();
    assert_eq!(results_without_time(&place, "full"), whole);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_too() {
    let place = place();
    let _ = place.drs(&format!("{RUN} --out whole.tsv")).succeeds();
    let whole = results_without_time(&place, "whole");
    // A file system of 64 KiB, then of 4 MiB, in a mount table of its own.
    let drs = built().join("drs");
    let run = format!("{} {RUN} --out small/full.tsv", drs.display());
    let script = format!(
        "mkdir small && mount -t tmpfs -o size=64k none small || exit 77; {run}; echo first $?; \
         mount -o remount,size=4m small && {run}; echo second $?; cp small/* ."
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh", "-c", &script]);
    let output = match unshare.current_dir(place.path(".")).output() {
        Ok(output) if output.status.code() != Some(77) && !output.stdout.is_empty() => output,
        _ => return drs_tests::skipped("no file system may be mounted here"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let codes = String::from_utf8_lossy(&output.stdout);
    assert!(codes.contains("first 1") && codes.contains("second 0"), "{codes}\n{said}");
    assert!(said.contains("No space left"), "{said}");
    assert_eq!(results_without_time(&place, "full"), whole);
}

#[test]
fn a_run_that_is_being_written_is_left_alone() {
    let place = place();
    let run = RUN.replace("--n 3000", "--n 2000000 --full");
    let mut command = place.command(&format!("{run} --out out.tsv"), &[]);
    let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !place.path("out.run.json").exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    for more in ["", "--overwrite"] {
        place
            .drs(&format!("{run} --out out.tsv {more}"))
            .fails(1, &["out.tsv is being written by another process"]);
    }
    assert!(child.try_wait().unwrap().is_none(), "it went on meanwhile");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Ctrl-C reaches every process of the terminal's group, and engines signal every process of a
/// task: isolated plugins must finish what is under way too.
#[cfg(unix)]
#[test]
fn signals_to_every_process_cost_no_input() {
    use std::os::unix::process::CommandExt as _;

    let place = place();
    let run = format!("{} --isolate", RUN.replace("--n 3000", "--n 400000 --full"));
    let _ = place.drs(&format!("{run} --out whole.tsv")).succeeds();
    let whole = results_without_time(&place, "whole");
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let out = format!("stopped{signal}");
        let mut command = place.command(&format!("{run} --out {out}.tsv"), &[]);
        command.process_group(0).stderr(Stdio::piped()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let begun = Instant::now();
        while rows(&place, &out) < 1 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let group = format!("-{}", child.id());
        assert!(Command::new("kill").args([signal, "--", &group]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(!said.contains("worker process"), "a plugin was lost: {said}");
        let count = rows(&place, &out);
        assert!((1..120).contains(&count), "{count} rows");
        let _ = place.drs(&format!("{run} --out {out}.tsv")).succeeds();
        assert_eq!(results_without_time(&place, &out), whole, "{out}");
    }
}

/// Every label is compared, not only those of the inputs that are read for comparison.
#[test]
fn one_other_label_or_other_values_are_another_data_set() {
    let place = place();
    let _ = place.drs(&format!("{RUN} --max 3 --out out.tsv")).succeeds();
    let inputs: Vec<(Vec<u8>, u8)> = (0..INPUTS as u32)
        .map(|i| (vec![(2 * i % 256) as u8, 120, i as u8, 0], u8::from(i > 60 || i == 31)))
        .collect();
    place.write_idx("data", [2, 2], &inputs);
    place.drs(&format!("{RUN} --max 3 --out out.tsv")).fails(1, &["data.labels: "]);
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..120u32).map(|i| (vec![0, 120, i as u8, 0], u8::from(i > 60))).collect();
    place.write_idx("data", [2, 2], &inputs);
    place.drs(&format!("{RUN} --max 3 --out out.tsv")).fails(1, &["data.probes."]);
}

/// Merging may be another user's work, or another pod's.
#[cfg(unix)]
#[test]
fn all_result_files_may_be_read_alike() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = place();
    let _ = place.drs(&format!("{RUN} --max 3 --out out.tsv")).succeeds();
    let mode = |name: &str| place.path(name).metadata().unwrap().permissions().mode();
    assert_eq!(mode("out.run.json"), mode("out.tsv"));
    assert_eq!(mode("out.jsonl"), mode("out.tsv"));
}

/// A cluster's logs may lie on the very disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_log_costs_no_result() {
    let place = place();
    let _ = place.drs(&format!("{RUN} --out whole.tsv")).succeeds();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = place.command(&format!("{RUN} --out out.tsv"), &[]);
    let status = command.stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(results_without_time(&place, "out"), results_without_time(&place, "whole"));
    // With messages to tell: that of a run that is there, and that of an error.
    let mut command = place.command(&format!("{RUN} --out out.tsv"), &[]);
    assert_eq!(command.stdout(full()).stderr(full()).status().unwrap().code(), Some(0));
    let mut command = place.command(&format!("{RUN} --n0 60 --out out.tsv"), &[]);
    assert_eq!(command.stdout(full()).stderr(full()).status().unwrap().code(), Some(1));
}
