//! `drs plot`.

use std::path::PathBuf;

use super::LogArgs;
use super::parse::parse_end;

const PLOT_EXAMPLES: &str = "\
Examples:
  drs plot maxmin.tsv dual.tsv --out curves.svg
  drs plot 'σ = 0.25=s025.tsv' 'σ = 0.5=s050.tsv' maxmin.tsv --oracle --to 2.5 --out curves.png

Curves are exact steps: they fall at every certified radius. Where draws stopped before a \
radius was decided the curve is a lower bound: thin, with dots at the radii that were decided \
and a shade up to what there may be. drs certify gives the whole curve with --full or \
--sampling fixed.";

#[derive(Debug, clap::Args)]
#[command(after_help = PLOT_EXAMPLES)]
pub(crate) struct PlotArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,

    /// File to write: .svg or .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Text above the axes.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) title: String,

    /// Where the radius axis ends [default: the largest certified radius].
    #[arg(long, value_name = "R", value_parser = parse_end)]
    pub(crate) to: Option<f64>,

    /// Draw what taking each input's best log would certify.
    #[arg(long)]
    pub(crate) oracle: bool,

    /// Draw the best single log at each radius.
    #[arg(long)]
    pub(crate) envelope: bool,

    /// Width in pixels; PNG files have twice as many each way.
    #[arg(long, default_value_t = 720, value_parser = clap::value_parser!(u32).range(200..=4000))]
    pub(crate) width: u32,

    /// Height in pixels.
    #[arg(long, default_value_t = 440, value_parser = clap::value_parser!(u32).range(150..=4000))]
    pub(crate) height: u32,
}
