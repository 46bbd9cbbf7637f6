//! `drs merge`.

use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  drs merge maxmin.*-of-8.tsv --out maxmin.tsv

The shards must be of one run, all of them, each finished; their .jsonl and .run.json lie \
beside them. What comes out is what the run in one piece would have written, times aside. \
Inputs that the shards list as failed (.failed.json) are left out and listed again; the exit \
code is then 3.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MergeArgs {
    /// The shards' tables.
    #[arg(required = true, value_name = "SHARD")]
    pub(crate) shards: Vec<PathBuf>,

    /// File for the results of all.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Replace result files that exist.
    #[arg(long)]
    pub(crate) overwrite: bool,
}
