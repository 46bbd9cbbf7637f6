#![forbid(unsafe_code)]
//! The `drs` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(drs_cli::run(std::env::args_os()))
}
