//! `drs certify`.

use std::path::PathBuf;

use drs_data::Shard;

use super::parse::parse_positive;
use super::{DataArgs, DrawArgs, MethodArgs, PoolArgs};

const CERTIFY_EXAMPLES: &str = "\
Examples:
  drs certify --experts experts.toml --data cifar10/test --out maxmin.tsv --skip 20
  drs certify --experts experts.toml --data cifar10/test --out maxmin.tsv --skip 5   # adds to it
  drs certify --experts experts.toml --data fashion-mnist --out s025.tsv --method one:s025 --max 500
  drs certify --experts experts.toml --data cifar10/test --out half.tsv --radius 0.5 --n 100000
  drs certify --experts experts.toml --data cifar10/test --out cohen.tsv \\
      --method one:s025 --sampling fixed
  drs certify --experts experts.toml --data photos --labels photos.csv --out photos.tsv
  drs certify --experts experts.toml --data folders --classes by-place --out folders.tsv
  drs certify --experts experts.toml --data CIFAR-10-C --corruption fog --severity 3 --out fog3.tsv
  drs certify --experts experts.toml --data cifar10/test --out a.tsv --shard 2/8   # then: drs merge

Index i is taken if i >= START and (i - START) is a multiple of SKIP.

OUT is tab-separated, a row for each input: idx, label (-1 is unknown), predict (-1 abstains), \
radius, correct, time; then expert and sigma (the expert that was chosen and its noise level), \
route_radius and class_radius (how far the route and the class hold, each by itself; inf where \
nothing depends on the route), draws (the noisy copies that were classified, by all models \
together) and latency. Radii are truncated, never rounded up. time is the input's share of the \
machine in seconds, models and noise; latency the seconds from its start to its end, in which \
it mostly waits for others. Of an input that was stopped half-way both count from when it went \
on. docs/runs.md tells more.

Beside OUT lie files with other extensions: .jsonl has one full certificate per line, \
.run.json tells what the run is. The same command goes on where it was stopped. Ctrl-C and \
SIGTERM stop within 20 seconds and keep every vote, those of unfinished inputs in .journal. \
With a larger --max, a smaller --skip or --start that takes the old inputs too, the same \
command adds the others. Inputs that cannot be read are left out and listed in .failed.json.

Exit codes: 0 all done, 1 something failed (finished inputs are kept), 2 wrong usage, 3 some \
inputs have no result (all others do), 130 stopped by Ctrl-C, 143 by SIGTERM.

Draws stop when every radius of the usual grid is decided. Between these radii a run may \
certify less than all N draws would: analyze, plot and report show it as a lower bound. For \
whole curves take --full or --sampling fixed; --tol 0.02 leaves at most 2 % of each radius \
open.";

#[derive(Debug, clap::Args)]
#[command(after_help = CERTIFY_EXAMPLES)]
pub(crate) struct CertifyArgs {
    #[command(flatten)]
    pub(crate) pool: PoolArgs,

    #[command(flatten)]
    pub(crate) draws: DrawArgs,

    /// The data: an ImageFolder (one folder per class) or a folder of images; a folder of IDX
    /// files (.gz or not), of CIFAR's binary or python version, of CIFAR-10-C, STL-10 or SVHN, of
    /// .parquet files as on the Hugging Face hub, or of images.npy and labels.npy; or one .parquet,
    /// .npz, .npy or .mat file. docs/data.md tells how each is recognised.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: PathBuf,

    #[command(flatten)]
    pub(crate) reading: DataArgs,

    /// File for the results.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Start anew: replace result files that exist. Without, a run that was stopped goes on.
    #[arg(long)]
    pub(crate) overwrite: bool,

    #[command(flatten)]
    pub(crate) method: MethodArgs,

    /// Take a share of the inputs only, the I-th of N, into OUT with I-of-N in its name; 1/1 is
    /// all [default: what SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX tell].
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,

    /// First index to take.
    #[arg(long, default_value_t = 0)]
    pub(crate) start: usize,

    /// Take every SKIP-th input.
    #[arg(long, default_value_t = 1, value_parser = parse_positive)]
    pub(crate) skip: usize,

    /// Take at most this many inputs.
    #[arg(long)]
    pub(crate) max: Option<usize>,
}
