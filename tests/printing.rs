//! Standard output and standard error that are full, or that nobody reads.
#![cfg(target_os = "linux")]

use std::fs::OpenOptions;
use std::io::Read as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use drs_tests::{Halfspaces, Place};

const PRINT: [&str; 9] = [
    "--help",
    "certify --help",
    "--version",
    "expert list",
    "expert list --json",
    "expert inspect --experts experts.toml",
    "expert inspect --experts experts.toml --json",
    "expert check --experts experts.toml --name near",
    "route --experts experts.toml --n 100 --json image.png",
];

/// A pool, an image and 200 files that are none.
fn place() -> Place {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let image = image::GrayImage::from_raw(2, 2, vec![200, 10, 0, 0]).unwrap();
    image.save(place.path("image.png")).unwrap();
    (0..200).for_each(|i| {
        place.write(&format!("bad/{i}.png"), "");
    });
    place
}

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn in_time(mut command: Command) -> ExitStatus {
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begun.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("{command:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_full_standard_output_is_an_error_and_a_closed_one_is_none() {
    let place = place();
    for args in PRINT {
        for (stdout, code) in [(full(), 1), (closed(), 0)] {
            let mut command = place.command(args, &[]);
            let (mut reader, writer) = std::io::pipe().unwrap();
            command.stdout(stdout).stderr(writer);
            let status = in_time(command);
            let mut told = String::new();
            reader.read_to_string(&mut told).unwrap();
            assert_eq!(status.code(), Some(code), "{args}: {told}");
            assert!(!told.contains("panicked"), "{args}: {told}");
            assert_eq!(told.contains("No space left"), code == 1, "{args}: {told}");
        }
    }
}

#[test]
fn words_that_cannot_be_told_cost_nothing() {
    let place = place();
    for stderr in [full(), closed()] {
        let mut command = place.command("route --experts experts.toml --n 100 image.png", &[]);
        let bad: Vec<_> = (0..200).map(|i| place.path(&format!("bad/{i}.png"))).collect();
        let (mut reader, writer) = std::io::pipe().unwrap();
        command.args(bad).stdout(writer).stderr(stderr);
        let status = in_time(command);
        let mut told = String::new();
        reader.read_to_string(&mut told).unwrap();
        assert_eq!(status.code(), Some(1), "{told}");
        assert!(told.contains("image.png"), "the answer is there: {told}");
    }
}

/// Bad arguments are told on standard error, help that was asked for on standard output.
#[test]
fn wrong_usage_stays_wrong_usage() {
    let place = place();
    for (args, code) in [("route", 2), ("absent", 2), ("--help", 0), ("--version", 0)] {
        assert_eq!(place.drs(args).code, code, "{args}");
    }
}
