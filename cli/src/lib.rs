#![forbid(unsafe_code)]
//! The `drs` command, for the programs that hold it: `drs` itself, and the Python package.
//!
//! [`run`] is glue: arguments in, a command run, an exit code out. 0: done;
//! 1: something failed, with what and where on stderr; 2: wrong usage; 3: some inputs have no
//! result; 101: a mistake in drs itself; 130 and 143: stopped by SIGINT or SIGTERM, to go on later.

mod analyze;
mod args;
mod ask;
mod bench;
mod beside;
mod budget;
mod certify;
mod data;
mod doctor;
mod exit;
mod expert;
mod init;
mod logs;
mod merge;
mod method;
mod plan;
mod plot;
mod pool;
mod report;
mod route;
#[cfg(feature = "serve")]
mod serve;
mod shard;
mod shell;
mod train;
mod usage;
mod verify;
mod version;
#[cfg(unix)]
mod worker;

use std::ffi::OsString;

use clap::Parser as _;
use drs_progress::say;
use drs_router::{Panicked, is_panic};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use args::{Args, Command};

/// Runs the command of these arguments, the name of the program first.
///
/// Answers go to standard output, all else to standard error. Signals are handled for the whole
/// process. Once a process: what is logged is settled then.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(shown) if version::is_asked(&shown, &arguments) => {
            return ended(version::print().map(|()| exit::SUCCESS));
        }
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
    if let Err(error) = budget::take(args.memory, arguments.get(1..).unwrap_or_default()) {
        say!("error: {error:#}");
        return exit::WRONG_USAGE;
    }
    let done = |()| exit::SUCCESS;
    let outcome = match &args.command {
        Command::Doctor(args) => doctor::run(args),
        Command::Init(args) => init::run(args).map(done),
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
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(args).map(done),
        #[cfg(unix)]
        Command::Worker => worker::run().map(done),
        Command::Completions(args) => shell::completions(args).map(done),
        Command::Man(args) => shell::man(args).map(done),
        Command::Train(args) => train::run(args),
    };
    ended(outcome)
}

/// The exit code of a command that has run.
fn ended(outcome: anyhow::Result<u8>) -> u8 {
    match outcome {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => exit::SUCCESS,
        Err(error) => failed(&error),
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
        exit::WRONG_USAGE
    } else if error.chain().any(is_panic) || run.is_some_and(drs_run::RunError::is_bug) {
        Panicked::EXIT_CODE
    } else {
        1
    }
}

/// Help, the version, or what is wrong with the arguments.
fn show(shown: &clap::Error) -> u8 {
    match shown.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say!("error: it cannot be printed: {error}");
            exit::FAILURE
        }
        _ => u8::try_from(shown.exit_code()).unwrap_or(exit::FAILURE),
    }
}

/// `drs route … | head` is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
