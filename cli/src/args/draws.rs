//! How many draws, at which level, from which seed.

use clap::ValueEnum;
use drs_core::design::Schedule;
use drs_core::noise::Seed;
use drs_core::protocol::{AlphaSplit, Bounding, MOST_DRAWS, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping};
use drs_core::selection::Selection;
use drs_core::units::Alpha;

use super::parse::{
    parse_alpha, parse_futility, parse_growth, parse_inner_share, parse_radius, parse_share,
};

use crate::usage::wrong_usage;

/// Numbers of draws and failure probability.
#[derive(Debug, clap::Args)]
pub(crate) struct DrawArgs {
    /// Draws that select a class or a route; the most there may be with `--selection clear`.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=MOST_DRAWS))]
    pub(crate) n0: u64,

    /// Draws that estimate, per stage; the most there may be with sequential sampling.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=MOST_DRAWS))]
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

    /// Stop when it is decided at which of these radii the input is certified
    /// [default of certify: 0,0.25,...,2.5].
    #[arg(long, value_name = "R,R,...", value_delimiter = ',', value_parser = parse_radius, group = "stopping")]
    pub(crate) radii: Vec<f64>,

    /// Stop when it is decided whether the input is certified at this radius.
    #[arg(long, value_name = "R", value_parser = parse_radius, group = "stopping")]
    pub(crate) radius: Option<f64>,

    /// Stop when more draws could raise the radius by at most this share of it, from 0 to 1
    /// [default of route: 0.05].
    #[arg(long, value_name = "SHARE", value_parser = parse_share, group = "stopping")]
    pub(crate) tol: Option<f64>,

    /// Stop only when more draws cannot raise the radius.
    #[arg(long, group = "stopping")]
    pub(crate) full: bool,

    /// Give draws up when what they could gain has about this probability or less.
    #[arg(long, value_name = "P", default_value_t = Sequential::FUTILITY, value_parser = parse_futility, hide_short_help = true)]
    pub(crate) futility: f64,

    /// No look at the votes before this many draws
    /// [default: 100; 15 where the question is one radius].
    #[arg(long, value_name = "DRAWS", value_parser = clap::value_parser!(u64).range(1..=MOST_DRAWS), hide_short_help = true)]
    pub(crate) first_look: Option<u64>,

    /// Each look has this many times the draws of the one before
    /// [default: 1.25; 1.15 where the question is one radius].
    #[arg(long, value_name = "FACTOR", value_parser = parse_growth, hide_short_help = true)]
    pub(crate) look_growth: Option<f64>,

    /// Share of alpha that is kept for the last look.
    #[arg(long, value_name = "SHARE", default_value_t = Schedule::default().last, value_parser = parse_inner_share, hide_short_help = true)]
    pub(crate) last_look: f64,

    /// The draws that select: all N0, or until one class is clearly ahead
    /// [default: all; clear where the question is one radius].
    #[arg(long, value_enum, hide_short_help = true)]
    pub(crate) selection: Option<SelectionKind>,
}

/// How the selection draws are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SelectionKind {
    /// All N0: the published procedures.
    All,
    /// Until one class leads by three standard deviations, at most N0.
    Clear,
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
        let usual = Sequential::new(stopping);
        let first = self.first_look.unwrap_or(usual.schedule.first);
        let growth = self.look_growth.unwrap_or(usual.schedule.growth);
        let schedule = Schedule { first, growth, last: self.last_look };
        let selection = self.selection.map_or(usual.selection, |kind| match kind {
            SelectionKind::All => Selection::All,
            SelectionKind::Clear => Selection::Clear,
        });
        Sampling::Sequential(Sequential { schedule, selection, futility: self.futility, ..usual })
    }

    /// Refuses a stopping rule where there is nothing to stop.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let stopping =
            self.full || !self.radii.is_empty() || self.radius.is_some() || self.tol.is_some();
        if stopping && self.sampling == SamplingKind::Fixed {
            wrong_usage!(
                "--radii, --radius, --tol and --full say when to stop; --sampling fixed takes all draws"
            );
        }
        if self.selection == Some(SelectionKind::Clear) && self.sampling == SamplingKind::Fixed {
            wrong_usage!("--selection clear ends draws early; --sampling fixed takes all draws");
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
