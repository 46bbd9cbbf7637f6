//! The command line.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use drs_core::design::Schedule;
use drs_core::noise::Seed;
use drs_core::protocol::{AlphaSplit, Bounding, Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping, USUAL_RADII};
use drs_core::units::Alpha;
use drs_data::Labels;

use crate::analyze::COMPARE;

/// Certified predictions from a fleet of experts.
///
/// Each input is routed to one of several smoothed experts, and the whole
/// decision is certified: a class, and an L2 radius within which it cannot change.
#[derive(Debug, Parser)]
#[command(name = "drs", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Route and certify images.
    Route(RouteArgs),
    /// Certify a data set.
    Certify(CertifyArgs),
    /// Measure how fast the models are here, alone and with all that is around them.
    Bench(BenchArgs),
    /// Tables of certified accuracy from logs, ours or published ones.
    Analyze(AnalyzeArgs),
    /// Whether routing among some experts would pay, from their own logs.
    Plan(PlanArgs),
    /// Draw certified accuracy against radius.
    Plot(PlotArgs),
    /// Write one HTML file: curves, tables, and every input with its certificate.
    Report(ReportArgs),
    /// Train experts and routers: `drs train --help` tells how.
    #[command(disable_help_flag = true)]
    Train(TrainArgs),
}

/// What drs-train is given.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<OsString>,
}

const ROUTE_EXAMPLES: &str = "\
Examples:
  drs route --experts experts.toml photo.png
  drs route --experts experts.toml --rule dual --n 100000 *.png
  drs route --experts experts.toml --radius 0.5 photo.png
  drs route --experts experts.toml --predict --n 1000 photo.png
  drs route --experts experts.toml --seed 7 --json photo.png | jq .certificate.verdict

Images are PNG or JPEG with 8 bits per channel, or .npy ([C,H,W], uint8 or floats in [0, 1]).";

#[derive(Debug, clap::Args)]
#[command(after_help = ROUTE_EXAMPLES)]
pub(crate) struct RouteArgs {
    #[command(flatten)]
    pub(crate) pool: PoolArgs,

    #[command(flatten)]
    pub(crate) draws: DrawArgs,

    /// How bounds on route and class become a radius.
    #[arg(long, value_enum, default_value_t = Rule::Maxmin)]
    pub(crate) rule: Rule,

    /// Answer with the class alone, by PREDICT at both stages with --n draws each.
    #[arg(long, conflicts_with = "rule")]
    pub(crate) predict: bool,

    /// Write one JSON object per image and line instead of the table.
    #[arg(long)]
    pub(crate) json: bool,

    /// Images to certify.
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
}

const CERTIFY_EXAMPLES: &str = "\
Examples:
  drs certify --experts experts.toml --data cifar10/test --out maxmin.tsv --skip 20
  drs certify --experts experts.toml --data fashion-mnist --out s025.tsv --method one:s025 --max 500
  drs certify --experts experts.toml --data cifar10/test --out half.tsv --radius 0.5 --n 100000
  drs certify --experts experts.toml --data cifar10/test --out cohen.tsv --method one:s025 --sampling fixed
  drs certify --experts experts.toml --data photos --labels photos.csv --out photos.tsv

Index i is taken if i >= START and (i - START) is a multiple of SKIP. The results are
OUT, tab-separated (idx label predict radius correct time, -1 abstains, then expert, sigma,
route_radius, class_radius, draws; the label -1 is unknown), and OUT with the extension .jsonl, one full certificate
per line. Radii are truncated, never rounded up.

Draws stop when every radius of the usual grid is decided; between the grid's radii the results
may then fall short of what N draws would certify. For whole curves take --tol 0.02 or --full.";

#[derive(Debug, clap::Args)]
#[command(after_help = CERTIFY_EXAMPLES)]
pub(crate) struct CertifyArgs {
    #[command(flatten)]
    pub(crate) pool: PoolArgs,

    #[command(flatten)]
    pub(crate) draws: DrawArgs,

    /// The data: an ImageFolder (one folder per class) or a folder of images; a folder of IDX
    /// files (.gz or not), of CIFAR's binary or python version, of .parquet files as on the
    /// Hugging Face hub, or of images.npy and labels.npy; or one .parquet or .npz file.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: PathBuf,

    #[command(flatten)]
    pub(crate) reading: DataArgs,

    /// File for the results.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Replace result files that exist.
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// dual, set, maxmin, blend, multiscale, or one:NAME for one expert alone.
    #[arg(long, default_value = "maxmin", value_parser = parse_method)]
    pub(crate) method: MethodName,

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

const BENCH_EXAMPLES: &str = "\
Examples:
  drs bench --experts experts.toml
  drs bench --experts experts.toml --batch 128 --seconds 10 --json

raw is the model alone on batches that are there already, path the votes with noise, batching
and counting, noise the noisy inputs that one thread draws; all per second. raw and path take
turns, so their ratio holds on a machine whose speed changes.";

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

const ANALYZE_EXAMPLES: &str = "\
Examples:
  drs analyze maxmin.tsv
  drs analyze maxmin.jsonl dual.jsonl s025.tsv s050.tsv --compare 1
  drs analyze cohen=a.tsv.gz consistency=b.tsv.gz --common --radii 0.25,0.5,0.75 --format latex

LOG is what `drs certify` writes (.tsv, or .jsonl, which also tells sets and draws per stage), or any
tab-separated log with the columns idx, label, predict (-1 abstains), radius and correct, gzipped
or not. An input counts at r if it is right with a radius of at least r, as the field counts.";

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

const PLAN_EXAMPLES: &str = "\
Examples:
  drs plan s025.tsv s050.tsv s100.tsv
  drs plan 0.25=a.tsv.gz 0.5=b.tsv.gz 1.0=c.tsv.gz --radii 0,0.5,1,1.5,2 --accuracy 0.7,0.9

Each log is of one expert alone, all of the same inputs (say, drs certify --method one:NAME). A router
of accuracy q is taken to choose the expert with the largest radius on the true class with probability
q, else any other. The route's own radius, which may bind, is left out.";

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

    /// md and latex are tables, csv one row for each pool and radius, json all numbers.
    #[arg(long, value_enum, default_value_t = Format::Md)]
    pub(crate) format: Format,
}

const PLOT_EXAMPLES: &str = "\
Examples:
  drs plot maxmin.tsv dual.tsv --out curves.svg
  drs plot 'σ = 0.25=s025.tsv' 'σ = 0.5=s050.tsv' maxmin.tsv --oracle --to 2.5 --out curves.png

Curves are exact steps: they fall at every certified radius.";

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

fn parse_end(text: &str) -> Result<f64, String> {
    let end = text.parse().ok().filter(|end: &f64| end.is_finite() && *end > 0.0);
    end.ok_or_else(|| format!("{text} is not a number above 0"))
}

const REPORT_EXAMPLES: &str = "\
Examples:
  drs report maxmin.jsonl s025.tsv --out report.html
  drs report maxmin.jsonl --data cifar10/test --experts experts.toml --out report.html

The file holds everything it needs and opens without a network. Its gallery shows the inputs of the
first log; their pictures come from --data, whose inputs experts.toml describes.";

#[derive(Debug, clap::Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,

    /// File to write: .html.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Heading.
    #[arg(long, default_value = "Certified predictions")]
    pub(crate) title: String,

    /// The data set that the logs are of: for pictures.
    #[arg(long, value_name = "PATH", requires = "experts")]
    pub(crate) data: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: DataArgs,

    /// The pool: for the shape of the inputs.
    #[arg(long, value_name = "FILE", requires = "data")]
    pub(crate) experts: Option<PathBuf>,

    /// Names of the classes, where the data set's folders do not give them.
    #[arg(long, value_name = "NAME,NAME,...", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,
}

/// How a data set is read.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// test or train, where the data has both; for IDX files any prefix.
    #[arg(long, value_name = "SPLIT", default_value = "test")]
    pub(crate) split: String,

    /// Labels instead of the data's own: a .csv or .tsv file with the columns image (or idx) and
    /// label, an .npy array, a text file with a class index on each line; or none.
    #[arg(long, value_name = "FILE|none")]
    pub(crate) labels: Option<Labels>,
}

/// Certification logs.
#[derive(Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Certification logs, with the names to show where the files' own do not do.
    #[arg(required = true, value_name = "[NAME=]LOG", value_parser = parse_log)]
    pub(crate) logs: Vec<LogArg>,

    /// Take only the inputs that all logs have.
    #[arg(long)]
    pub(crate) common: bool,
}

/// A log and the name asked for it.
#[derive(Debug, Clone)]
pub(crate) struct LogArg {
    pub(crate) name: Option<String>,
    pub(crate) path: PathBuf,
}

fn parse_log(text: &str) -> Result<LogArg, Infallible> {
    let named = text.rsplit_once('=').filter(|_| !Path::new(text).exists());
    Ok(match named {
        Some((name, path)) => LogArg { name: Some(name.to_owned()), path: path.into() },
        None => LogArg { name: None, path: text.into() },
    })
}

fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text} is not a number from 0 to 1"))
}

/// How tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Markdown, readable as it is.
    Md,
    /// LaTeX, for the booktabs package.
    Latex,
    /// One row for each log and radius.
    Csv,
    /// All numbers.
    Json,
}

/// The pool of experts and how to run it.
#[derive(Debug, clap::Args)]
pub(crate) struct PoolArgs {
    /// The pool: experts.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) experts: PathBuf,

    /// Worker threads [default: all cores].
    #[arg(long, value_parser = parse_positive)]
    pub(crate) threads: Option<usize>,

    /// Inputs per batch, over experts.toml and the plugins' preference.
    #[arg(long, value_parser = parse_positive)]
    pub(crate) batch: Option<usize>,
}

/// Numbers of draws and failure probability.
#[derive(Debug, clap::Args)]
pub(crate) struct DrawArgs {
    /// Draws that select a class or a route.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) n0: u64,

    /// Draws that estimate, per stage; the most there may be with sequential sampling.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) n: u64,

    /// Probability with which an answer may be wrong, all stages together.
    #[arg(long, default_value = "0.001", value_parser = parse_alpha)]
    pub(crate) alpha: Alpha,

    /// Bound the runner-up too (p_B) for one:NAME, dual and set; maxmin always does.
    #[arg(long)]
    pub(crate) two_sided: bool,

    /// A number, or 64 hexadecimal digits; the same seed gives the same draws
    /// [default: fresh entropy, kept in the certificate].
    #[arg(long)]
    pub(crate) seed: Option<Seed>,

    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
}

/// How many of the draws to take.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArgs {
    /// All N draws as published, or as many as the question needs.
    #[arg(long, value_enum, default_value_t = SamplingKind::Sequential)]
    pub(crate) sampling: SamplingKind,

    /// Stop when it is decided which of these radii the input is certified beyond
    /// [default of certify: 0,0.25,...,2.5].
    #[arg(long, value_name = "R,R,...", value_delimiter = ',', value_parser = parse_radius, group = "stopping")]
    pub(crate) radii: Vec<f64>,

    /// Stop when it is decided whether the input is certified beyond this radius.
    #[arg(long, value_name = "R", value_parser = parse_radius, group = "stopping")]
    pub(crate) radius: Option<f64>,

    /// Stop when more draws could raise the radius by at most this share of it
    /// [default of route: 0.05].
    #[arg(long, value_name = "SHARE", value_parser = parse_radius, group = "stopping")]
    pub(crate) tol: Option<f64>,

    /// Stop only when more draws cannot raise the radius.
    #[arg(long, group = "stopping")]
    pub(crate) full: bool,

    /// Give draws up when what they could gain has about this probability or less.
    #[arg(long, value_name = "P", default_value_t = Sequential::FUTILITY, value_parser = parse_futility, hide_short_help = true)]
    pub(crate) futility: f64,

    /// No look at the votes before this many draws.
    #[arg(long, value_name = "DRAWS", default_value_t = Schedule::default().first, value_parser = clap::value_parser!(u64).range(1..), hide_short_help = true)]
    pub(crate) first_look: u64,

    /// Each look has this many times the draws of the one before.
    #[arg(long, value_name = "FACTOR", default_value_t = Schedule::default().growth, hide_short_help = true)]
    pub(crate) look_growth: f64,

    /// Share of alpha that is kept for the last look.
    #[arg(long, value_name = "SHARE", default_value_t = Schedule::default().last, hide_short_help = true)]
    pub(crate) last_look: f64,
}

/// How the estimation draws are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SamplingKind {
    /// All N draws in one look: the published procedures.
    Fixed,
    /// Several looks, alpha shared among them in advance.
    Sequential,
}

impl SamplingArgs {
    fn sampling(&self, usual: Stopping) -> Sampling {
        if self.sampling == SamplingKind::Fixed {
            return Sampling::Fixed;
        }
        let stopping = match (self.radius, self.tol) {
            _ if self.full => Stopping::Full,
            _ if !self.radii.is_empty() => Stopping::Radii(self.radii.clone()),
            (Some(radius), _) => Stopping::Radii(vec![radius]),
            (_, Some(share)) => Stopping::Tolerance(share),
            (None, None) => usual,
        };
        let (first, growth, last) = (self.first_look, self.look_growth, self.last_look);
        let schedule = Schedule { first, growth, last };
        Sampling::Sequential(Sequential { schedule, stopping, futility: self.futility })
    }

    /// Refuses a stopping rule where there is nothing to stop.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let stopping =
            self.full || !self.radii.is_empty() || self.radius.is_some() || self.tol.is_some();
        if stopping && self.sampling == SamplingKind::Fixed {
            anyhow::bail!(
                "--radii, --radius, --tol and --full say when to stop; --sampling fixed takes all draws"
            );
        }
        Ok(())
    }
}

impl DrawArgs {
    /// The protocol asked for; the split of α comes with the pool, `usual` is
    /// when to stop if nothing else is asked for.
    pub(crate) fn protocol(&self, split: AlphaSplit, usual: Stopping) -> Protocol {
        let bounding = if self.two_sided { Bounding::TwoSided } else { Bounding::OneSided };
        let sampling = self.sampling.sampling(usual);
        Protocol { n0: self.n0, n: self.n, sampling, alpha: self.alpha, bounding, split }
    }

    /// The seed asked for, or one from the system's entropy.
    pub(crate) fn seed(&self) -> anyhow::Result<Seed> {
        if let Some(seed) = self.seed {
            return Ok(seed);
        }
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow::anyhow!("no entropy from the system: {error}"))?;
        Ok(Seed::from_bytes(bytes))
    }
}

/// A routing rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// The paper's: the route and the class must both hold.
    Dual,
    /// The route must stay within a set of experts that agree.
    Set,
    /// The strongest claim on the label, whatever the route.
    Maxmin,
    /// The strongest of experts.toml's own terms.
    Blend,
}

impl From<Rule> for Method {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Dual => Self::Dual,
            Rule::Set => Self::Set,
            Rule::Maxmin => Self::MaxMin,
            Rule::Blend => Self::Blend,
        }
    }
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

fn parse_radius(text: &str) -> Result<f64, String> {
    let value = text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "expected a number from 0".to_owned())
}

fn parse_futility(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (0.0..=0.5).contains(value));
    value.ok_or_else(|| "expected a number from 0 to 0.5".to_owned())
}

fn parse_alpha(text: &str) -> Result<Alpha, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    Alpha::new(value).map_err(|error| error.to_string())
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number from 0.1 to 3600".to_owned())
}

fn parse_positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&value| value > 0)
        .ok_or_else(|| "expected a whole number from 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }

    #[test]
    fn methods_are_read() {
        assert_eq!(parse_method("one:s025"), Ok(MethodName::One("s025".into())));
        assert_eq!(parse_method("set"), Ok(MethodName::Routed(Rule::Set)));
        assert!(parse_method("one:").is_err());
        assert!(parse_method("best").is_err());
    }
}
