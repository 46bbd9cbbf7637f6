//! Plugins in processes of their own: what one of them does to itself costs nobody else.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use drs_tests::{Halfspaces, Place, results_without_time, rows_without_time};

/// 40 inputs; those at every tenth place are the ones that the plugin does not stand.
fn place(how: &str, more: &str) -> Place {
    let place = Place::new();
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..40u8).map(|i| (vec![if i % 10 == 7 { 255 } else { i }, 120, i, 0], 1)).collect();
    place.write_idx("data", [2, 2], &inputs);
    place.write(
        "experts.toml",
        format!(
            "[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\n[isolation]\ntimeout = 1.5\n\
             [[expert]]\nname = \"bad\"\nplugin = \"misbehaving\"\n\
             config = {{ how = \"{how}\", sigma = 0.01 {more} }}\nisolation = \"process\"\n"
        ),
    );
    place
}

const RUN: &str =
    "certify --experts experts.toml --data data --n 60 --n0 20 --seed 4 --method one:bad";

#[test]
fn inputs_that_kill_a_plugin_cost_only_themselves() {
    for (how, words) in [
        ("abort", "died of signal 6 (abort)"),
        ("segmentation-fault", "died of signal 11 (segmentation fault)"),
        ("exit", "exited with code 3"),
        ("exit-zero", "exited with code 0"),
        ("hang", "no answer within 1.5 s"),
        ("write-past-the-end", "wrote past the"),
    ] {
        let place = place(how, "");
        // In batches with other inputs.
        let run = place.drs(&format!("{RUN} --batch 64 --out out.tsv"));
        assert!(run.stderr.contains("going on without this input"), "{how}: {run}");
        run.fails(
            3,
            &["bad", "misbehaving", words, "4 of 40 inputs have no result", "36 inputs are kept"],
        );
        assert!(place.read("out.failed.json").contains("plugin-lost"), "{how}");
        let rows = rows_without_time(&place.read("out.tsv"));
        let kept: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        let expected: Vec<String> =
            (0..40).filter(|i| i % 10 != 7).map(|i: u32| i.to_string()).collect();
        assert_eq!(kept, expected, "{how}");
        // Their results are those of a plugin that does not suffer.
        let toml = place.read("experts.toml");
        place.write("fine.toml", toml.replace(how, "behave"));
        let fine = RUN.replace("experts.toml", "fine.toml");
        let _ = place.drs(&format!("{fine} --out fine.tsv")).succeeds();
        let fine = rows_without_time(&place.read("fine.tsv"));
        assert!(rows.iter().all(|row| fine.contains(row)), "{how}");
        // What is left is tried again; a plugin that stands it by then finishes the run.
        assert_eq!(fine.len(), 40);
    }
}

#[test]
fn a_plugin_that_fails_once_fails_nobody() {
    let place = place("abort-once", ", marker = \"/tmp/marker\"");
    let marker = place.path("marker");
    let toml = place.read("experts.toml").replace("/tmp/marker", &marker.display().to_string());
    place.write("experts.toml", toml);
    let run = place.drs(&format!("{RUN} --out out.tsv"));
    assert!(marker.exists(), "{run}");
    let _ = run.succeeds();
    assert_eq!(place.read("out.tsv").lines().count(), 41);
}

#[test]
fn isolation_changes_no_result() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..30u8).map(|i| (vec![8 * i, 120 + i, 0, i], u8::from(i > 12))).collect();
    place.write_idx("data", [2, 2], &inputs);
    let run = "certify --experts experts.toml --data data --n 2000 --seed 3";
    let _ = place.drs(&format!("{run} --out here.tsv")).succeeds();
    let here = results_without_time(&place, "here");
    for (name, more) in [("one", "--threads 1"), ("two", "--threads 2"), ("many", "--threads 5")] {
        let _ = place.drs(&format!("{run} --out {name}.tsv --isolate {more}")).succeeds();
        assert_eq!(results_without_time(&place, name), here, "{name}");
    }
}

#[test]
fn what_cannot_be_opened_is_told() {
    for (how, words) in [
        ("abort-in-open", &["bad", "misbehaving", "died of signal 6"][..]),
        ("panic-in-open", &["bad", "misbehaving", "panicked"]),
        ("one-class", &["1 classes, expected at least 2"]),
    ] {
        place(how, "").drs(&format!("{RUN} --out out.tsv")).fails(1, words);
    }
    let place = place("abort", "");
    let toml = place.read("experts.toml").replace("timeout = 1.5", "timeout = 1.5\nrestarts = 3");
    place.write("experts.toml", toml);
    let run = place.drs(&format!("{RUN} --out out.tsv"));
    run.fails(3, &["more than the 3 restarts", "isolation.restarts", "are kept in out.tsv"]);
}

#[test]
fn no_worker_outlives_its_host() {
    let place = place("hang", "");
    let toml = place.read("experts.toml").replace("timeout = 1.5", "timeout = 1000");
    place.write("experts.toml", toml);
    let mut command = place.command(&format!("{RUN} --out out.tsv"), &[]);
    let mut host = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let children = || {
        let mut ps = Command::new("ps");
        let output = ps.args(["-o", "pid=", "--ppid", &host.id().to_string()]).output().unwrap();
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        listed.lines().map(|pid| pid.trim().to_owned()).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    let mut workers = Vec::new();
    while workers.is_empty() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
        workers = children();
    }
    std::thread::sleep(Duration::from_millis(300));
    host.kill().unwrap();
    host.wait().unwrap();
    let alive = || workers.iter().any(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists());
    let begun = Instant::now();
    while alive() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!workers.is_empty() && !alive(), "{workers:?}");
}

#[test]
fn a_plugin_that_reads_stdin_finds_nothing_and_harms_nothing() {
    let place = place("reads-stdin", "");
    // Not even what the host itself is given.
    let mut command = place.command(&format!("{RUN} --out out.tsv"), &[]);
    let mut host = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    assert!(host.wait().unwrap().success());
    assert_eq!(place.read("out.tsv").lines().count(), 41);
}

/// The numbers of the processes that a plugin wrote down and that still run.
fn left(place: &Place) -> Vec<String> {
    let runs = |pid: &&str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Nobody may be there to take note of its end.
        !stat.is_empty() && !stat.contains(") Z ")
    };
    place.read("children").lines().filter(runs).map(str::to_owned).collect()
}

fn with_marker(place: &Place) {
    let marker = place.path("children").display().to_string();
    let toml = place.read("experts.toml").replace("MARKER", &marker);
    place.write("experts.toml", toml);
}

/// What was killed is there until the system has buried it.
#[track_caller]
fn ends(place: &Place) {
    let begun = Instant::now();
    while !left(place).is_empty() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(left(place), Vec::<String>::new());
}

#[test]
fn what_a_plugin_starts_ends_with_its_worker() {
    for (how, code, inputs) in [("forks", 0, 40), ("forks-and-exits", 3, 36)] {
        let place = place(how, ", marker = \"MARKER\"");
        with_marker(&place);
        let toml = place.read("experts.toml").replace("timeout = 1.5", "timeout = 1000");
        place.write("experts.toml", toml);
        // A child holds the worker's end of the socket: the host must not wait for it.
        let begun = Instant::now();
        let run = place.drs(&format!("{RUN} --batch 64 --out out.tsv"));
        assert_eq!(run.code, code, "{how}: {run}");
        assert!(begun.elapsed() < Duration::from_secs(300), "{how}: it waited for a child");
        assert_eq!(place.read("out.tsv").lines().count(), inputs + 1, "{how}");
        assert!(!place.read("children").is_empty(), "{how}");
        ends(&place);
    }
}

#[test]
fn what_a_plugin_starts_ends_when_the_host_is_killed() {
    let place = place("forks", ", marker = \"MARKER\"");
    with_marker(&place);
    let run = RUN.replace("--n 60 ", "--n 50000000 --full ");
    let mut command = place.command(&format!("{run} --out out.tsv"), &[]);
    let mut host = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !place.path("children").exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    host.kill().unwrap();
    host.wait().unwrap();
    ends(&place);
}

#[test]
fn a_plugin_that_closes_descriptors_or_speaks_without_end_harms_nobody_else() {
    let place_of = |how| place(how, "");
    let place = place_of("closes-descriptors");
    let run = place.drs(&format!("{RUN} --batch 64 --out out.tsv"));
    run.fails(3, &["going on without this input", "36 inputs are kept"]);
    let place = place_of("long-error");
    let run = place.drs(&format!("{RUN} --out out.tsv"));
    assert!(run.stderr.len() < 1 << 18, "{} bytes of words", run.stderr.len());
    run.fails(1, &["words words", "bytes in all"]);
}

/// Containers often have little of it, or none that can be written.
#[cfg(target_os = "linux")]
#[test]
fn a_small_dev_shm_is_no_limit() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces { shape: [3, 64, 64], ..Halfspaces::pair() }.toml());
    let image = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([200, (3 * x) as u8, y as u8]));
    image.save(place.path("image.png")).unwrap();
    let route = "route --experts experts.toml --n 400 --batch 256 --seed 1 --isolate image.png";
    let expected = place.drs(route).succeeds();
    let answer = |text: &str| {
        let row = text.lines().nth(1).unwrap_or_default();
        row.split_whitespace().take(7).map(str::to_owned).collect::<Vec<_>>()
    };
    for options in ["size=64k", "size=64k,ro"] {
        let command = place.command(route, &[]);
        let script =
            format!("mount -t tmpfs -o {options} none /dev/shm || exit 77; exec \"$0\" \"$@\"");
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        unshare.arg(command.get_program()).args(command.get_args());
        let output = unshare.current_dir(place.path("")).output();
        let Some(output) = output.ok().filter(|run| run.status.code() != Some(77)) else {
            return drs_tests::skipped("no other /dev/shm can be mounted here");
        };
        let (out, told) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        if told.starts_with("unshare:") {
            return drs_tests::skipped(&told);
        }
        assert!(output.status.success(), "{options}: {} {told}", output.status);
        assert_eq!(answer(&String::from_utf8_lossy(out)), answer(&expected), "{options}");
    }
}
