//! Machines with few threads, processes or open files: errors that name the limit.
#![cfg(target_os = "linux")]

use std::process::Command;

use drs_tests::{Halfspaces, Place};

/// Exit code and standard error of `drs` under a limit of the shell's.
fn under(place: &Place, limit: &str, args: &str) -> (Option<i32>, String) {
    let command = place.command(args, &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args()).current_dir(place.path(""));
    let output = shell.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..40u8).map(|i| (vec![6 * i, 120, i, 0], u8::from(i > 20))).collect();
    place.write_idx("data", [2, 2], &inputs);
    place
}

const RUN: &str = "certify --experts experts.toml --data data --n 500 --seed 1";

#[test]
fn more_threads_than_there_can_be_are_refused_with_the_limit() {
    let place = place();
    let run = format!("{RUN} --threads 100000 --out out.tsv");
    let (code, told) = under(&place, "ulimit -v 4000000", &run);
    assert_eq!(code, Some(1), "{told}");
    for words in ["cannot start a thread", "ulimit -v", "--threads"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("panicked"), "{told}");
    // The same place, asked for less.
    let (code, told) = under(&place, "ulimit -v 4000000", &format!("{RUN} --out out.tsv"));
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn too_few_open_files_are_told_as_such_and_blamed_on_no_plugin() {
    let place = place();
    let run = format!("{RUN} --isolate --threads 8 --out out.tsv");
    for most in [8, 12, 16, 20] {
        let (code, told) = under(&place, &format!("ulimit -n {most}"), &run);
        if code == Some(0) {
            continue;
        }
        assert_eq!(code, Some(1), "{most}: {told}");
        assert!(told.contains(&format!("{most} open files (ulimit -n)")), "{most}: {told}");
        for words in ["panicked", "did not survive", "changed"] {
            assert!(!told.contains(words), "{most}: {told}");
        }
    }
    // What was done is kept, and the rest goes on elsewhere.
    let _ = place.drs(&run).succeeds();
    assert_eq!(place.read("out.tsv").lines().count(), 41);
}

#[test]
fn a_batch_beyond_every_machine_is_refused() {
    let place = place();
    let toml = place.read("experts.toml");
    for batch in ["4611686018427387904", "2305843009213693952", "1000000000000"] {
        let (code, told) = under(&place, ":", &format!("{RUN} --batch {batch} --out out.tsv"));
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(batch) && told.contains("--batch"), "{told}");
        let mine = toml.replace("plugin = ", &format!("batch = {batch}\nplugin = "));
        place.write("experts.toml", mine);
        let (code, told) = under(&place, ":", &format!("{RUN} --out out.tsv"));
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(batch) && told.contains("batch in experts.toml"), "{told}");
        place.write("experts.toml", &toml);
    }
    assert!(!place.path("out.tsv").exists());
}
