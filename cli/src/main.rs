#![forbid(unsafe_code)]
//! The `drs` command.
//!
//! `main` is glue: arguments in, a command run, an exit code out. 0: done;
//! 1: something failed, with what and where on stderr; 2: wrong usage; 3: some inputs have no
//! result; 130 and 143: stopped by SIGINT or SIGTERM, to go on later.

/// A line for the user. Where it cannot be written, as on a full disk, it is lost: no reason to
/// lose anything else.
macro_rules! say {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}

mod analyze;
mod args;
mod bench;
mod certify;
mod data;
mod expert;
mod logs;
mod merge;
mod method;
mod plan;
mod plot;
mod pool;
mod report;
mod route;
mod shard;
mod train;
mod verify;
mod whole;
#[cfg(unix)]
mod worker;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .log_internal_errors(false)
        .init();
    let outcome = match &args.command {
        Command::Route(args) => route::run(args),
        Command::Certify(args) => match certify::run(args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Merge(args) => match merge::run(args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Expert(args) => match expert::run(args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Bench(args) => bench::run(args),
        Command::Analyze(args) => analyze::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Plot(args) => plot::run(args),
        Command::Report(args) => report::run(args),
        Command::Verify(args) => verify::run(args),
        #[cfg(unix)]
        Command::Worker => worker::run(),
        Command::Train(args) => match train::run(args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `drs route … | head` is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
