#![forbid(unsafe_code)]
//! The `drs-train` command, which `drs train` runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::{Parser, Subcommand};
use drs_core::noise::Seed;
use drs_data::{Classes, Labels, OpenOptions, Shard, Subset};
use drs_progress::say;
use drs_train::choose::{Choose, choose};
use drs_train::export::{Export, export, parse_shape};
use drs_train::join::{Join, Part, join};
use drs_train::labels::{Drawing, draw};
use drs_train::router::By;
use drs_train::{config, expert, iterate, router};

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
    #[command(after_help = EXPERT_EXAMPLES)]
    Expert(RunArgs),
    /// Draw the votes of every expert on training inputs: what routers learn from.
    Label(LabelArgs),
    /// Train a router: a base classifier over experts.
    #[command(after_help = ROUTER_EXAMPLES)]
    Router(RunArgs),
    /// Choose the terms of the blended rule, the router and its share of α by held-out inputs.
    Choose(ChooseArgs),
    /// Run the whole recipe: labels, router, fine-tuning, and again.
    #[command(after_help = ITERATE_EXAMPLES)]
    Iterate(RunArgs),
    /// Join a router and an expert in one network that answers for both.
    Join(JoinArgs),
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

    /// Keep weights in 16 bits each: half the size. They are rounded, so this is another base
    /// classifier, if by little. Computed in 32 bits all the same; .onnx alone.
    #[arg(long)]
    half: bool,
}

const JOIN_EXAMPLES: &str = "\
Examples:
  drs train join s100.safetensors --router runs/self/model.safetensors --out s100-joint.safetensors
  drs train join s100.safetensors --thresholds 0.4,0.7 --experts s025,s050,s100 --out s100-joint.pt

The router must have been trained with init = \"s100.safetensors\" and freeze = true. In experts.toml
the joint network takes the expert's place, and the router needs no model: [router] shares = \"s100\".";

#[derive(Debug, clap::Args)]
#[command(after_help = JOIN_EXAMPLES)]
struct JoinArgs {
    /// The expert's checkpoint.
    #[arg(value_name = "EXPERT")]
    expert: PathBuf,

    /// Its architecture, where the file does not tell.
    #[arg(long)]
    arch: Option<String>,

    /// A router that is a head on the expert.
    #[arg(long, value_name = "FILE", required_unless_present = "thresholds")]
    router: Option<PathBuf>,

    /// Route by the expert's largest softmax instead: from each of these on to the next expert.
    #[arg(
        long,
        value_name = "T,T,…",
        value_delimiter = ',',
        conflicts_with = "router",
        requires = "experts"
    )]
    thresholds: Option<Vec<f64>>,

    /// The experts' names, for thresholds.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    experts: Option<Vec<String>>,

    /// Names of the classes, where the file does not tell.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    classes: Option<Vec<String>>,

    /// Channels, height and width of inputs, for thresholds where the file does not tell.
    #[arg(long, value_name = "C,H,W", value_parser = parse_shape)]
    shape: Option<[usize; 3]>,

    /// The file to write: .safetensors, or .pt (TorchScript) for thresholds.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl From<&JoinArgs> for Join {
    fn from(args: &JoinArgs) -> Self {
        let router = match &args.router {
            Some(path) => Part::Head(path.clone()),
            None => Part::Thresholds {
                thresholds: args.thresholds.clone().unwrap_or_default(),
                experts: args.experts.clone().unwrap_or_default(),
                shape: args.shape,
            },
        };
        Self {
            expert: args.expert.clone(),
            arch: args.arch.clone(),
            classes: args.classes.clone(),
            router,
            out: args.out.clone(),
        }
    }
}

const CHOOSE_EXAMPLES: &str = "\
Examples:
  drs train choose runs/router --experts experts.toml --out blended.toml
  drs train choose runs/sigma-0.75 runs/sigma-1.0 --experts experts.toml --by worst --out blended.toml

The runs tell the labels and which inputs they held out. `drs certify --method blend` then judges
by the terms that were found.";

#[derive(Debug, clap::Args)]
#[command(after_help = CHOOSE_EXAMPLES)]
struct ChooseArgs {
    /// Folders of router runs to choose from.
    #[arg(value_name = "RUN", required = true)]
    routers: Vec<PathBuf>,

    /// The pool: experts.toml.
    #[arg(long, value_name = "FILE")]
    experts: PathBuf,

    /// What makes a choice good: mean certified accuracy over the run's radii, or the worst
    /// difference from the best single expert.
    #[arg(long, value_enum, default_value_t)]
    by: By,

    /// Votes of the router on each held-out input.
    #[arg(long, default_value_t = 100)]
    draws: usize,

    /// Draws of the certificates that the terms are for: a term that needs more does badly.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    n: u64,

    /// Candidates to try, for each router and each of three splits of α.
    #[arg(long, default_value_t = 2000)]
    tries: usize,

    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// The experts.toml to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl From<&ChooseArgs> for Choose {
    fn from(args: &ChooseArgs) -> Self {
        let ChooseArgs { routers, experts, by, draws, n, tries, seed, out } = args;
        Self {
            routers: routers.clone(),
            experts: experts.clone(),
            by: *by,
            draws: *draws,
            n: *n,
            tries: *tries,
            seed: *seed,
            out: out.clone(),
        }
    }
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

    /// Labels instead of the data's own, as `drs certify --labels` takes them.
    #[arg(long, value_name = "FILE")]
    labels: Option<Labels>,

    /// The first class, where labels are numbers: 1 if they count from 1.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    labels_from: usize,

    /// How class names of the data become the experts' classes, as `drs certify --classes`
    /// takes it: by name, unless you say by-place or give names or a file of names.
    #[arg(
        long,
        value_name = "by-place|NAMES|FILE",
        default_value = "by-name",
        hide_default_value = true
    )]
    classes: Classes,

    /// Folder for the votes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Noisy copies of each input for each expert.
    #[arg(long, default_value_t = 100)]
    draws: u64,

    /// A number, or 64 hexadecimal digits.
    #[arg(long, default_value = "0")]
    seed: Seed,

    /// Draw a share of the parts only, the I-th of N: for several machines.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

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
            reading: OpenOptions {
                split: args.split.clone(),
                labels: args.labels.clone().unwrap_or_default(),
                labels_from: args.labels_from,
                classes: args.classes.clone(),
                ..OpenOptions::default()
            },
            subset: Subset { start: args.start, skip: args.skip, max: args.max },
            draws: args.draws,
            seed: args.seed,
            threads: args.threads.unwrap_or_else(cores),
        }
    }
}

const EXPERT_EXAMPLES: &str = "\
Examples:
  drs train expert s025.toml --out runs/s025
  drs train expert s025.toml --set sigma=0.5 --set train.epochs=30 --out runs/s050

OUT then holds model.safetensors (the best by held-out inputs), state.safetensors (to go on),
settings.toml, summary.json, and events for TensorBoard.";

const ROUTER_EXAMPLES: &str = "\
Examples:
  drs train router router.toml --out runs/router
  drs train router router.toml --set sigma=0.75 --set objective.kind=gain --out runs/gain

The settings name the folder of labels that `drs train label` drew. OUT then holds model.safetensors
(the best by certificates of held-out inputs), state.safetensors (to go on), settings.toml, summary.json,
and events for TensorBoard.";

const ITERATE_EXAMPLES: &str = "\
Examples:
  drs train iterate recipe.toml --out runs
  drs train iterate recipe.toml --set rounds=2 --out runs    # one round more, later

OUT then holds a folder for each round, with its labels, its router, its experts, and the experts.toml
of the pool that came out.";

#[derive(Debug, clap::Args)]
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
    // A file that may not grow any more is then an error of writing, not the end.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(libc::SIGXFSZ, std::sync::Arc::default());
    drs_torch_device::keep_memory();
    drs_torch_device::prepare();
    let args = Args::parse();
    let outcome = match &args.command {
        Command::Expert(args) => config::read(&args.settings, &args.set)
            .and_then(|config| expert::train(&config, &args.out)),
        Command::Label(args) => draw(&args.into(), args.shard, &args.out),
        Command::Router(args) => config::read(&args.settings, &args.set)
            .and_then(|config| router::train(&config, &args.out)),
        Command::Choose(args) => choose(&args.into()),
        Command::Iterate(args) => config::read(&args.settings, &args.set)
            .and_then(|config| iterate::iterate(&config, &args.out)),
        Command::Join(args) => join(&args.into()),
        Command::Export(ExportArgs { model, arch, shape, out, half }) => export(&Export {
            model: model.clone(),
            arch: arch.clone(),
            shape: *shape,
            out: out.clone(),
            half: *half,
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
