//! `drs certify`.

use std::path::PathBuf;

use clap::ValueEnum as _;
use drs_data::Shard;

use super::parse::parse_positive;
use super::{DataArgs, DrawArgs, PoolArgs, Rule};

const CERTIFY_EXAMPLES: &str = "\
Examples:
  drs certify --experts experts.toml --data cifar10/test --out maxmin.tsv --skip 20
  drs certify --experts experts.toml --data fashion-mnist --out s025.tsv --method one:s025 --max 500
  drs certify --experts experts.toml --data cifar10/test --out half.tsv --radius 0.5 --n 100000
  drs certify --experts experts.toml --data cifar10/test --out cohen.tsv --method one:s025 --sampling fixed
  drs certify --experts experts.toml --data photos --labels photos.csv --out photos.tsv
  drs certify --experts experts.toml --data folders --classes by-place --out folders.tsv
  drs certify --experts experts.toml --data CIFAR-10-C --corruption fog --severity 3 --out fog3.tsv
  drs certify --experts experts.toml --data cifar10/test --out all.tsv --shard 2/8   # then: drs merge

Index i is taken if i >= START and (i - START) is a multiple of SKIP. The results are
OUT, tab-separated (idx label predict radius correct time, -1 abstains, then expert, sigma,
route_radius, class_radius, draws, latency; the label -1 is unknown), and OUT with the extension .jsonl, one full certificate
per line. time is the input's share of the machine in seconds, models and noise; latency the seconds from its start to
its end, in which it mostly waits for others. Radii are truncated, never rounded up. OUT with the extension .run.json tells what the run is:
the same command goes on where it was stopped (Ctrl-C finishes the inputs under way, exit code 130).

Draws stop when every radius of the usual grid is decided. Between these radii less is certified than
N draws would: analyze, plot and report show it as a lower bound. For whole curves take --full or
--sampling fixed; --tol 0.02 leaves at most 2 % of each radius open.";

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

    /// dual, set, maxmin, blend, multiscale, or one:NAME for one expert alone.
    #[arg(long, default_value = "maxmin", value_parser = parse_method)]
    pub(crate) method: MethodName,

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

/// A method, its expert still by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MethodName {
    One(String),
    Multiscale,
    Routed(Rule),
}

fn parse_method(text: &str) -> Result<MethodName, String> {
    match text.strip_prefix("one:") {
        Some(name) if !name.is_empty() => Ok(MethodName::One(name.to_owned())),
        _ if text == "multiscale" => Ok(MethodName::Multiscale),
        _ => Rule::from_str(text, false)
            .map(MethodName::Routed)
            .map_err(|_| "expected dual, set, maxmin, blend, multiscale or one:NAME".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read() {
        assert_eq!(parse_method("one:s025"), Ok(MethodName::One("s025".into())));
        assert_eq!(parse_method("set"), Ok(MethodName::Routed(Rule::Set)));
        assert!(parse_method("one:").is_err());
        assert!(parse_method("best").is_err());
    }
}
