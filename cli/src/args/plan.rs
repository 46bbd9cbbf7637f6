//! `drs plan`.

use drs_core::sampling::USUAL_RADII;

use super::parse::{parse_radius, parse_share};
use super::{Format, LogArgs};

const PLAN_EXAMPLES: &str = "\
Examples:
  drs plan s025.tsv s050.tsv s100.tsv
  drs plan 0.25=a.tsv.gz 0.5=b.tsv.gz 1.0=c.tsv.gz --radii 0,0.5,1,1.5,2 --accuracy 0.7,0.9

Each log is of one expert alone, all of the same inputs (say, drs certify --method one:NAME). \
A router of accuracy q is taken to choose the expert with the largest radius on the true class \
with probability q, else any other. The route's own radius, which may bind, is left out.

The last line is the verdict: would routing pay, at which radii, by how many points over which \
single expert? It is yes where the interval of the gain is above 0, no if a gain of one point \
is outside of all intervals. The intervals hold for all radii and pools together (95 %).";

#[derive(Debug, clap::Args)]
#[command(after_help = PLAN_EXAMPLES)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,

    /// Radii of the tables [default: 0,0.25,...,2.5].
    #[arg(long, value_name = "R,R,...", value_delimiter = ',', value_parser = parse_radius, default_values_t = USUAL_RADII, hide_default_value = true)]
    pub(crate) radii: Vec<f64>,

    /// Accuracies of routers, from 0 to 1.
    #[arg(long, value_name = "Q,Q,...", value_delimiter = ',', value_parser = parse_share, default_values_t = [0.7, 0.8, 0.9])]
    pub(crate) accuracy: Vec<f64>,

    /// md and latex are tables, csv one row for each pool and radius (the verdict on
    /// standard error), json all numbers.
    #[arg(long, value_enum, default_value_t = Format::Md)]
    pub(crate) format: Format,
}
