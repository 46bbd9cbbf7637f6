#![forbid(unsafe_code)]
#![allow(
    clippy::print_stderr,
    reason = "for whoever builds the project: nothing is lost by a panic"
)]
//! Draws the published crates and which of them uses which: `drs-picture FILE` writes an SVG, and
//! `drs-picture FILE --check` fails where the file is not what would be written.

mod crates;
mod draw;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let file = PathBuf::from(args.next().unwrap_or_default());
    let check = args.next().is_some_and(|arg| arg == "--check");
    match picture(&file, check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {}: {problem}", file.display());
            ExitCode::FAILURE
        }
    }
}

fn picture(file: &PathBuf, check: bool) -> Result<(), String> {
    let drawn = draw::svg(&crates::published()?)?;
    if !check {
        return std::fs::write(file, drawn).map_err(|error| error.to_string());
    }
    let there = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    if there == drawn {
        return Ok(());
    }
    Err("the crates are others than those drawn: `cargo xtask picture` draws them anew".to_owned())
}
