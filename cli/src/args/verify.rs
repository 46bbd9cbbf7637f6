//! `drs verify`.

use std::path::PathBuf;

use super::DataArgs;
use super::parse::parse_positive;

const VERIFY_EXAMPLES: &str = "\
Examples:
  drs verify maxmin.jsonl
  drs verify maxmin.jsonl --data cifar10/test
  drs verify maxmin.jsonl --data photos --experts experts.toml
  drs verify maxmin.jsonl --replay --experts experts.toml --data cifar10/test
  drs verify all.jsonl --mixed
  drs verify *.jsonl.gz --json
  drs route --experts experts.toml --json photo.png | drs verify -

RECORD is what `drs certify` (.jsonl, gzipped or not) or `drs route --json` wrote; - is \
standard input. Every level, bound, stop and radius is recomputed from the counts alone; the \
first field that does not follow is named with its line, and the exit code is 1. All records \
of a file must be of one run: one method, protocol, seed, pool and terms. Labels are taken on \
trust unless --data is given. Counts can be invented: --replay compares the digests of \
plugins, model files and inputs and draws the votes again. docs/verify.md tells what that \
proves.";

#[derive(Debug, clap::Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct VerifyArgs {
    /// Certificates, one on each line.
    #[arg(required = true, value_name = "RECORD")]
    pub(crate) records: Vec<PathBuf>,

    /// Accept files that are put together from several runs, and list the runs. Alpha bounds the
    /// errors of one run: where records were picked among runs it bounds nothing.
    #[arg(long)]
    pub(crate) mixed: bool,

    /// Write one JSON object per record and line instead of the summary.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) inputs: InputArgs,

    #[command(flatten)]
    pub(crate) replay: ReplayArgs,
}

/// What the inputs are compared with.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct InputArgs {
    /// The data that `drs certify` was given: digests of inputs and labels are compared with it.
    /// Images of `drs route` are read from the paths in their records.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: DataArgs,

    /// The pool, experts.toml: with --replay its models vote again. With --data alone it tells
    /// how images are resized; its models are opened only where the data set has class names
    /// and --classes does not tell what the models call theirs.
    #[arg(long, value_name = "FILE")]
    pub(crate) experts: Option<PathBuf>,
}

/// What the votes are drawn from again.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Replay")]
pub(crate) struct ReplayArgs {
    /// Draw all votes again, with the models of --experts, and compare its terms and its split of
    /// alpha.
    #[arg(long, requires = "experts")]
    pub(crate) replay: bool,

    /// Worker threads [default: all cores].
    #[arg(long, value_parser = parse_positive)]
    pub(crate) threads: Option<usize>,

    /// Inputs per batch, over experts.toml and the plugins' preference.
    #[arg(long, value_parser = parse_positive)]
    pub(crate) batch: Option<usize>,

    /// Run every plugin in a process of its own.
    #[arg(long, requires = "replay")]
    pub(crate) isolate: bool,
}
