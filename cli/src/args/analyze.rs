//! `drs analyze`.

use drs_core::sampling::USUAL_RADII;

use super::parse::parse_radius;
use super::{Format, LogArgs};

/// Radius at which logs are compared pair by pair, if no other is asked for.
pub(crate) const COMPARE: f64 = 0.5;

const ANALYZE_EXAMPLES: &str = "\
Examples:
  drs analyze maxmin.tsv
  drs analyze maxmin.jsonl dual.jsonl s025.tsv s050.tsv --compare 1
  drs analyze cohen=a.tsv.gz consistency=b.tsv.gz --common --radii 0.25,0.5,0.75 --format latex

LOG is what `drs certify` writes (.tsv, or .jsonl, which also tells sets and draws per stage), \
or any table with the columns idx, label, predict (-1 abstains), radius and, if it is there, \
correct, gzipped or not. Columns are separated by tabs, commas, semicolons or blanks; without \
a header, six are taken in the order idx, label, predict, radius, correct, time. What is left \
out or taken otherwise is said on standard error. An input counts at r if it is right with a \
radius of at least r, as the field counts.

The oracle is no log: for each input it takes the log with the largest radius on the true class. \
No routing among these logs can certify more.

Where draws stopped before a radius was decided, what is certified is a lower bound: ≥ in \
tables, and percent to at_most in csv. A .tsv of `drs certify` needs its .run.json beside it, \
which tells where draws stopped.";

#[derive(Debug, clap::Args)]
#[command(after_help = ANALYZE_EXAMPLES)]
pub(crate) struct AnalyzeArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,

    /// Radii of the tables [default: 0,0.25,...,2.5].
    #[arg(long, value_name = "R,R,...", value_delimiter = ',', value_parser = parse_radius, default_values_t = USUAL_RADII, hide_default_value = true)]
    pub(crate) radii: Vec<f64>,

    /// Radius at which logs are compared pair by pair.
    #[arg(long, value_name = "R", value_parser = parse_radius, default_value_t = COMPARE)]
    pub(crate) compare: f64,

    /// md and latex are tables, csv the accuracies with intervals, json everything.
    #[arg(long, value_enum, default_value_t = Format::Md)]
    pub(crate) format: Format,
}
