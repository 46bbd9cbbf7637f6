#![forbid(unsafe_code)]
//! The `drs-train` command, which `drs train` runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::{Parser, Subcommand};
use drs_core::noise::Seed;
use drs_data::{Labels, Subset};
use drs_train::export::{Export, export, parse_shape};
use drs_train::labels::{Drawing, draw};
use drs_train::{config, expert, router};

/// Training of experts and routers.
///
/// Settings are TOML files; a run keeps them beside its results. A run that was stopped
/// goes on when it is started again, to the same result.
#[derive(Debug, Parser)]
#[command(name = "drs train", bin_name = "drs train", version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train an expert: a base classifier that stands noise.
    Expert(RunArgs),
    /// Draw the votes of every expert on training inputs: what routers learn from.
    Label(LabelArgs),
    /// Train a router: a base classifier over experts.
    Router(RunArgs),
    /// Write a trained network as ONNX or TorchScript.
    Export(ExportArgs),
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  drs train export runs/s025/model.safetensors --out s025.onnx
  drs train export checkpoint.pth.tar --arch cifar_resnet110 --shape 3,32,32 --out s050.pt

ONNX files carry the notes drs.sigma and drs.classes; batch normalisation is folded into convolutions.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXPORT_EXAMPLES)]
struct ExportArgs {
    /// A checkpoint, as training leaves it or as the field publishes them.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Its architecture, where the file does not tell.
    #[arg(long)]
    arch: Option<String>,

    /// Channels, height and width of inputs, where the file does not tell.
    #[arg(long, value_name = "C,H,W", value_parser = parse_shape)]
    shape: Option<[usize; 3]>,

    /// The file to write: .onnx or .pt (TorchScript).
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

const LABEL_EXAMPLES: &str = "\
Examples:
  drs train label --experts experts.toml --data fashion-mnist --max 20000 --out labels

OUT then holds labels.json and part-000000.npz, … with the arrays index, label and votes (inputs x
experts x classes). Drawing that was stopped goes on when it is started again.";

#[derive(Debug, clap::Args)]
#[command(after_help = LABEL_EXAMPLES)]
struct LabelArgs {
    /// The pool: experts.toml. Its router, if it has one, is not asked.
    #[arg(long, value_name = "FILE")]
    experts: PathBuf,

    /// The data, as `drs certify --data` takes it.
    #[arg(long, value_name = "PATH")]
    data: PathBuf,

    /// train or test, where the data has both; for IDX files any prefix.
    #[arg(long, value_name = "SPLIT", default_value = "train")]
    split: String,

    /// Labels instead of the data's own: a .csv or .tsv table, an .npy array, a text file.
    #[arg(long, value_name = "FILE")]
    labels: Option<Labels>,

    /// Folder for the votes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Noisy copies of each input for each expert.
    #[arg(long, default_value_t = 100)]
    draws: u64,

    /// A number, or 64 hexadecimal digits.
    #[arg(long, default_value = "0")]
    seed: Seed,

    /// First index to take.
    #[arg(long, default_value_t = 0)]
    start: usize,

    /// Take every SKIP-th input.
    #[arg(long, default_value_t = 1)]
    skip: usize,

    /// Take at most this many inputs.
    #[arg(long)]
    max: Option<usize>,

    /// Worker threads [default: all cores].
    #[arg(long)]
    threads: Option<usize>,
}

impl From<&LabelArgs> for Drawing {
    fn from(args: &LabelArgs) -> Self {
        let cores = || available_parallelism().map_or(1, usize::from);
        Self {
            experts: args.experts.clone(),
            data: args.data.clone(),
            split: args.split.clone(),
            labels: args.labels.clone().unwrap_or_default(),
            subset: Subset { start: args.start, skip: args.skip, max: args.max },
            draws: args.draws,
            seed: args.seed,
            threads: args.threads.unwrap_or_else(cores),
        }
    }
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
    drs_torch_device::keep_memory();
    drs_torch_device::prepare();
    let args = Args::parse();
    let outcome = match &args.command {
        Command::Expert(args) => config::read(&args.settings, &args.set)
            .and_then(|config| expert::train(&config, &args.out)),
        Command::Label(args) => draw(&args.into(), &args.out),
        Command::Router(args) => config::read(&args.settings, &args.set)
            .and_then(|config| router::train(&config, &args.out)),
        Command::Export(ExportArgs { model, arch, shape, out }) => export(&Export {
            model: model.clone(),
            arch: arch.clone(),
            shape: *shape,
            out: out.clone(),
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
