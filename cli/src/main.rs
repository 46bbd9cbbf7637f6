#![forbid(unsafe_code)]
//! The `drs` command.
//!
//! `main` is glue: arguments in, a command run, an exit code out. 0: done;
//! 1: something failed, with what and where on stderr; 2: wrong usage; 3: some inputs have no
//! result; 101: a mistake in drs itself; 130 and 143: stopped by SIGINT or SIGTERM, to go on later.

mod analyze;
mod args;
mod bench;
mod budget;
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
mod usage;
mod verify;
#[cfg(unix)]
mod worker;

use std::process::ExitCode;

use clap::Parser as _;
use drs_progress::say;
use drs_router::{Panicked, is_panic};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use args::{Args, Command};

/// As clap has it.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(shown) => return show(&shown),
    };
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .log_internal_errors(false)
        .init();
    // A file that may not grow any more is then an error of writing, not the end.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(libc::SIGXFSZ, std::sync::Arc::default());
    if let Err(error) = budget::take(args.memory) {
        say!("error: {error:#}");
        return ExitCode::from(WRONG_USAGE);
    }
    let done = |()| ExitCode::SUCCESS;
    let outcome = match &args.command {
        Command::Route(args) => route::run(args).map(done),
        Command::Certify(args) => certify::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Expert(args) => expert::run(args),
        Command::Bench(args) => bench::run(args).map(done),
        Command::Analyze(args) => analyze::run(args).map(done),
        Command::Plan(args) => plan::run(args).map(done),
        Command::Plot(args) => plot::run(args).map(done),
        Command::Report(args) => report::run(args).map(done),
        Command::Verify(args) => verify::run(args).map(done),
        #[cfg(unix)]
        Command::Worker => worker::run().map(done),
        Command::Train(args) => train::run(args),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(failed(&error)),
    }
}

/// Tells an error; the exit code for it.
fn failed(error: &anyhow::Error) -> u8 {
    say!("error: {error:#}");
    let data = error.downcast_ref::<drs_data::DataError>();
    let run = error.downcast_ref::<drs_run::RunError>();
    if error.is::<usage::Usage>()
        || data.is_some_and(drs_data::DataError::is_usage)
        || run.is_some_and(drs_run::RunError::is_usage)
    {
        WRONG_USAGE
    } else if error.chain().any(is_panic) || run.is_some_and(drs_run::RunError::is_bug) {
        Panicked::EXIT_CODE
    } else {
        1
    }
}

/// Help, the version, or what is wrong with the arguments.
fn show(shown: &clap::Error) -> ExitCode {
    match shown.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say!("error: it cannot be printed: {error}");
            ExitCode::FAILURE
        }
        _ => u8::try_from(shown.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

/// `drs route … | head` is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
