//! `drs bench`.

use super::PoolArgs;
use super::parse::parse_seconds;

const BENCH_EXAMPLES: &str = "\
Examples:
  drs bench --experts experts.toml
  drs bench --experts experts.toml --batch 128 --seconds 10 --json

raw is the model alone on batches that are there already, path the votes with noise, batching \
and counting, noise the noisy inputs that one thread draws; all per second. raw and path take \
turns, so their ratio holds on a machine whose speed changes. One batch in 1,024 is run again \
with other company, to see that votes depend on their own input alone: trials is the share of \
time that this costs.";

#[derive(Debug, clap::Args)]
#[command(after_help = BENCH_EXAMPLES)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) pool: PoolArgs,

    /// Time for each model, in seconds.
    #[arg(long, default_value_t = 4.0, value_parser = parse_seconds)]
    pub(crate) seconds: f64,

    /// Write one JSON object per model and line instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
}
