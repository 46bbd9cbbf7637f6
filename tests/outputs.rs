//! No command destroys results, or anything else that it reads.
#![cfg(unix)]

use drs_tests::{Halfspaces, Place, Run};

const CERTIFY: &str = "certify --experts experts.toml --data data --n 300 --seed 1";

fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..30u8).map(|i| (vec![8 * i, 120, i, 0], u8::from(i > 12))).collect();
    place.write_idx("data", [2, 2], &inputs);
    place
}

fn certify(place: &Place, more: &str) -> Run {
    place.drs(&format!("{CERTIFY} {more}"))
}

/// Runs `drs` where no file may grow beyond so many blocks.
fn limited(place: &Place, blocks: u32, args: &str) -> Run {
    let drs = drs_tests::built().join("drs");
    place.shell(&format!("ulimit -f {blocks}; exec {} {args}", drs.display()))
}

#[test]
fn a_report_or_plot_is_not_written_over_its_log() {
    let place = place();
    let _ = certify(&place, "--out run.tsv").succeeds();
    for (log, out, command) in [
        ("run.jsonl", "hard.html", "report run.jsonl --out hard.html"),
        ("run.tsv", "hard.svg", "plot 'a=run.tsv' --out hard.svg"),
    ] {
        std::fs::hard_link(place.path(log), place.path(out)).unwrap();
        let before = place.read(log);
        let command = command.replace('\'', "");
        place.drs(&command).fails(2, &[&format!("{out} would be written, but it is {log}")]);
        assert_eq!(place.read(log), before);
    }
    place.drs("report run.jsonl --out run.jsonl").fails(2, &["ends in .html"]);
}

#[test]
fn overwriting_replaces_results_and_nothing_else() {
    let place = place();
    place.write("notes.tsv", "mine\n");
    place.write("other.jsonl", "[1]\n");
    // As another tool writes them.
    place.write(
        "cohen.tsv",
        "idx\tlabel\tpredict\tradius\tcorrect\ttime\n0\t1\t1\t0.5\t1\t0:00:01\n",
    );
    for (out, named) in
        [("notes.tsv", "notes.tsv"), ("other.tsv", "other.jsonl"), ("cohen.tsv", "cohen.tsv")]
    {
        let words = [&format!("{named} is there and was not written by drs certify"), "--out"];
        certify(&place, &format!("--out {out} --overwrite")).fails(1, &words);
    }
    assert_eq!(place.read("notes.tsv") + &place.read("other.jsonl"), "mine\n[1]\n");
    assert_eq!(place.read("experts.toml"), Halfspaces::pair().toml());
    for (file, text) in [
        ("x.journal", "mine"),
        ("x.unsteady", "mine"),
        ("x.failed.json", "{\"my\": 1}"),
        ("x.run.json", "{\"my\": 1}"),
    ] {
        place.write(file, text);
        for overwrite in ["", "--overwrite"] {
            certify(&place, &format!("--out x.tsv {overwrite}")).fails(1, &[file]);
        }
        assert_eq!(place.read(file), text);
        std::fs::remove_file(place.path(file)).unwrap();
    }
    place.write("labels.tsv", "idx\tlabel\n0\t1\n");
    certify(&place, "--labels labels.tsv --out labels.tsv --overwrite").fails(2, &["read too"]);
    certify(&place, "--out experts.toml --overwrite").fails(2, &["experts.toml", "read too"]);
    // A run's own files, whole or cut short, are replaced.
    let _ = certify(&place, "--out a.tsv").succeeds();
    let _ = certify(&place, "--out a.tsv --n0 50 --overwrite").succeeds();
    place.write("a.jsonl", "");
    let _ = certify(&place, "--out a.tsv --overwrite").succeeds();
    // One table for a file of certificates.
    for overwrite in ["", "--overwrite"] {
        certify(&place, &format!("--out a.txt {overwrite}"))
            .fails(1, &["a.jsonl has the certificates of", "a.tsv", "another --out"]);
        // Not even where a file of that name is there, as a shell makes one for its output.
        place.write("a.txt", "");
    }
    std::fs::remove_file(place.path("a.txt")).unwrap();
    // A table that was lost is made again beside a copy; all files of a run may get another name.
    std::fs::copy(place.path("a.tsv"), place.path("a.csv")).unwrap();
    std::fs::remove_file(place.path("a.tsv")).unwrap();
    let _ = certify(&place, "--out a.tsv").succeeds();
    for extension in ["tsv", "jsonl", "run.json"] {
        let name = |stem: &str| place.path(&format!("{stem}.{extension}"));
        std::fs::rename(name("a"), name("renamed")).unwrap();
    }
    let _ = certify(&place, "--out renamed.tsv").succeeds();
    for extension in ["tsv", "jsonl", "run.json"] {
        let name = |stem: &str| place.path(&format!("{stem}.{extension}"));
        std::fs::rename(name("renamed"), name("a")).unwrap();
    }
    std::fs::hard_link(place.path("a.tsv"), place.path("b.tsv")).unwrap();
    std::fs::hard_link(place.path("a.tsv"), place.path("b.jsonl")).unwrap();
    certify(&place, "--out b.tsv --overwrite").fails(1, &["b.jsonl is there and was not"]);
    let _ = place.shell("mkfifo pipe.tsv");
    for out in ["pipe.tsv", "data/..", "/dev/null"] {
        certify(&place, &format!("--out {out}")).fails(2, &["is no plain file", "another --out"]);
    }
    place.write("c.tsv", "");
    std::fs::hard_link(place.path("c.tsv"), place.path("c.jsonl")).unwrap();
    certify(&place, "--out c.tsv").fails(2, &["c.jsonl", "c.tsv"]);
    assert_eq!(place.read("a.tsv").lines().count(), 31);
}

#[test]
fn a_merge_leaves_all_or_nothing() {
    let place = place();
    let _ = certify(&place, "--out whole.tsv").succeeds();
    for shard in ["1/2", "2/2"] {
        let _ = certify(&place, &format!("--out s.tsv --shard {shard}")).succeeds();
    }
    let merge = "merge s.1-of-2.tsv s.2-of-2.tsv";
    let records = place.read("s.1-of-2.jsonl");
    // By another extension the records are the same file.
    place
        .drs(&format!("{merge} --out s.1-of-2.txt --overwrite"))
        .fails(2, &["s.1-of-2.jsonl would be written, but it is read too"]);
    assert_eq!(place.read("s.1-of-2.jsonl"), records);
    let names = || {
        let names = std::fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap());
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    limited(&place, 8, &format!("{merge} --out m.tsv")).fails(1, &["cannot write", "m.jsonl"]);
    assert_eq!(names(), before, "nothing is left");
    let _ = place.drs(&format!("{merge} --out m.tsv")).succeeds();
    assert_eq!(
        drs_tests::results_without_time(&place, "m"),
        drs_tests::results_without_time(&place, "whole")
    );
    // Nor is anything lost of what was there.
    let before = (place.read("m.tsv"), place.read("m.jsonl"), place.read("m.run.json"));
    limited(&place, 8, &format!("{merge} --out m.tsv --overwrite")).fails(1, &["cannot write"]);
    assert_eq!((place.read("m.tsv"), place.read("m.jsonl"), place.read("m.run.json")), before);
}

/// The system takes no more bytes from when the first inputs are done.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_what_is_finished() {
    let place = place();
    let run = "certify --experts experts.toml --data data --n 100000 --sampling fixed --seed 1";
    let mut child = place.command(&format!("{run} --out a.tsv"), &[]);
    let mut child = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let records = || std::fs::metadata(place.path("a.jsonl")).map_or(0, |found| found.len());
    while records() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // In the middle of a line, and less than the private copies had.
    let limit = format!("prlimit --pid {} --fsize={}", child.id(), records() + 1000);
    let _ = place.shell(&limit).succeeds();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in ["cannot write a.jsonl: File too large", "kept in a.tsv", "goes on there"] {
        assert!(said.contains(words), "{said}");
    }
    let done = place.read("a.tsv").lines().count();
    assert!(done > 1, "{said}");
    let again = place.drs(&format!("{run} --out a.tsv"));
    assert!(again.stderr.contains(&format!("a.tsv: {} of 30 inputs are there already", done - 1)));
    let _ = again.succeeds();
    let _ = place.drs(&format!("{run} --out b.tsv")).succeeds();
    let results = |name| drs_tests::results_without_time(&place, name);
    assert_eq!(results("a"), results("b"));
}
