#![forbid(unsafe_code)]
//! The `drs-train` command, which `drs train` runs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use drs_train::{config, expert};

/// Training of experts and routers.
///
/// Settings are TOML files; a run keeps them beside its results. A run that was stopped
/// goes on when it is started again, to the same result.
#[derive(Debug, Parser)]
#[command(name = "drs train", version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train an expert: a base classifier that stands noise.
    Expert(RunArgs),
}

const EXAMPLES: &str = "\
Examples:
  drs train expert s025.toml --out runs/s025
  drs train expert s025.toml --set sigma=0.5 --set train.epochs=30 --out runs/s050

OUT then holds model.safetensors (the best by held-out inputs), state.safetensors (to go on),
settings.toml, summary.json, and events for TensorBoard.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct RunArgs {
    /// The settings.
    #[arg(value_name = "SETTINGS")]
    settings: PathBuf,

    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Change a setting: KEY=VALUE, or KEY.KEY=VALUE.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

fn main() -> ExitCode {
    drs_torch_device::prepare();
    let args = Args::parse();
    let outcome = match &args.command {
        Command::Expert(args) => config::read(&args.settings, &args.set)
            .and_then(|config| expert::train(&config, &args.out)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
