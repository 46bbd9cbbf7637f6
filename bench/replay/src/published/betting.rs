//! Looks shared out in advance beside a betting e-process, on the same votes.
//!
//! The e-process bets against p ≤ p₀: after k of t votes for the class its wealth is
//! Σ_q π(q)·L(q)/L(p₀), with L(q) = qᵏ(1−q)ᵗ⁻ᵏ and the prior π on p > p₀. It may be looked at after
//! every draw: by Ville's inequality it ever reaches 1/α with probability at most α if p ≤ p₀
//! (Waudby-Smith and Ramdas 2024; Halt Fast!, arXiv 2606.27694). Two priors:
//!
//! * the *oracle's*: the shares of votes of all inputs of this very log, which a learned prior can
//!   only come near to;
//! * a flat one, for which nothing is learned.
//!
//! All are asked whether p is above Φ(r/σ), with the same selection draws. A process gives an input
//! up where `drs` does; one that `drs` certifies it gives up after N draws.

use std::convert::Infallible;
use std::ops::Range;

use comfy_table::Table;
use drs_core::certify;
use drs_core::pool::{Phase, Stage};
use drs_core::protocol::{Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping};
use drs_core::source::VoteSource;
use drs_core::votes::VoteCounts;
use drs_progress::out;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::log::{Published, probability};
use super::{Args, median};
use crate::table;

/// Most draws of an input.
const MOST: u64 = 10_000;
/// Points that stand for a prior.
const POINTS: usize = 64;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    out!("estimation draws of a question about one radius, N = {MOST}\n{}", radii(args)?)?;
    out!("\nestimation draws up to the radius of --tol 0.05\n{}", tolerances(args)?)?;
    Ok(())
}

fn radii(args: &Args) -> anyhow::Result<Table> {
    let mut table = table::new([
        "log",
        "radius",
        "certified",
        "by oracle",
        "by flat",
        "mean draws",
        "oracle",
        "flat",
        "median",
        "oracle",
        "flat",
    ]);
    for (path, sigma) in &args.logs {
        let log = Published::read(path, *sigma, args.skip)?;
        let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
        for radius in [0.5, 1.25, 2.0] {
            let threshold = probability(radius, *sigma);
            // Beyond, ln α / ln p₀ alone is more than N.
            if threshold > 0.999 {
                continue;
            }
            let (oracle, flat) = (Prior::of(&log, threshold), Prior::flat(threshold));
            let mut tallies = [(); 3].map(|()| Tally::default());
            for (index, input) in log.inputs.iter().enumerate() {
                let votes = Votes::new(input.p, args.seed, index as u64);
                let own = sequential(&log, Stopping::Radii(vec![radius]), &votes)?;
                tallies[0].add(own.draws, own.radius >= radius);
                for (tally, prior) in tallies[1..].iter_mut().zip([&oracle, &flat]) {
                    // Given up where `drs` does.
                    let most = if own.radius < radius { own.draws } else { MOST };
                    match prior.reaches(&votes, threshold).filter(|&draws| draws <= most) {
                        Some(draws) => tally.add(draws, true),
                        None => tally.add(most, false),
                    }
                }
            }
            let cells = tallies.iter().map(|tally| tally.certified.to_string());
            let means = tallies.iter().map(|tally| format!("{:.0}", tally.mean()));
            let medians = tallies.iter().map(|tally| median(&tally.draws).to_string());
            table.add_row(
                [name.clone(), radius.to_string()]
                    .into_iter()
                    .chain(cells)
                    .chain(means)
                    .chain(medians),
            );
        }
    }
    Ok(table)
}

/// What an e-process takes to certify the radius at which `--tol` stops, where that is above 0.
fn tolerances(args: &Args) -> anyhow::Result<Table> {
    let mut table = table::new(["log", "inputs", "mean draws", "oracle", "flat"]);
    for (path, sigma) in &args.logs {
        let log = Published::read(path, *sigma, args.skip)?;
        let mut tallies = [(); 3].map(|()| Tally::default());
        for (index, input) in log.inputs.iter().enumerate() {
            let votes = Votes::new(input.p, args.seed, index as u64);
            let own = sequential(&log, Stopping::Tolerance(0.05), &votes)?;
            if own.radius <= 0.0 {
                continue;
            }
            let threshold = probability(own.radius, *sigma);
            tallies[0].add(own.draws, true);
            for (tally, prior) in
                tallies[1..].iter_mut().zip([Prior::of(&log, threshold), Prior::flat(threshold)])
            {
                let draws = prior.reaches(&votes, threshold);
                tally.add(draws.unwrap_or(MOST), draws.is_some());
            }
        }
        let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
        let cells =
            tallies.iter().map(|tally| format!("{:.0} ({})", tally.mean(), tally.certified));
        table.add_row([name, tallies[0].draws.len().to_string()].into_iter().chain(cells));
    }
    Ok(table)
}

/// What `drs` certifies of an input and with how many estimation draws.
struct Own {
    draws: u64,
    radius: f64,
}

fn sequential(log: &Published, stopping: Stopping, votes: &Votes) -> anyhow::Result<Own> {
    let pool = log.pool();
    let sampling = Sampling::Sequential(Sequential::new(stopping));
    let protocol = Protocol { n: MOST, sampling, ..Protocol::default() };
    let certificate = certify(&pool, Method::One(0), &protocol, None, &mut &*votes)?;
    let estimation = certificate.stages.iter().filter(|stage| stage.phase == Phase::Estimation);
    let draws = estimation.map(|stage| stage.draws()).sum();
    // Class 0 stands for the class that the log has.
    let radius =
        if certificate.verdict.class == Some(0) { certificate.verdict.radius.get() } else { 0.0 };
    Ok(Own { draws, radius })
}

#[derive(Default)]
struct Tally {
    draws: Vec<u64>,
    certified: usize,
}

impl Tally {
    fn add(&mut self, draws: u64, certified: bool) {
        self.draws.push(draws);
        self.certified += usize::from(certified);
    }

    fn mean(&self) -> f64 {
        self.draws.iter().sum::<u64>() as f64 / self.draws.len().max(1) as f64
    }
}

/// The votes of one input, draw by draw: how many of the first draws are for class 0.
struct Votes {
    selection: Vec<u64>,
    estimation: Vec<u64>,
}

impl Votes {
    fn new(p: f64, seed: u64, input: u64) -> Self {
        let mut rng = StdRng::seed_from_u64((seed << 32) ^ input);
        let mut counts = |draws: u64| {
            let mut count = 0;
            let mut upto = vec![0];
            upto.extend((0..draws).map(|_| {
                count += u64::from(rng.random_bool(p));
                count
            }));
            upto
        };
        Self { selection: counts(Protocol::default().n0), estimation: counts(MOST) }
    }
}

impl VoteSource for &Votes {
    type Error = Infallible;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, Infallible> {
        let upto = match stage.phase {
            Phase::Selection => &self.selection,
            _ => &self.estimation,
        };
        let at = |draw: u64| {
            usize::try_from(draw).ok().and_then(|draw| upto.get(draw)).copied().unwrap_or(0)
        };
        let own = at(draws.end) - at(draws.start);
        let all = draws.end - draws.start;
        Ok(VoteCounts::new(vec![own, all - own]).unwrap_or_else(|_| unreachable!("two classes")))
    }
}

/// A prior on probabilities above a threshold, of points that weigh the same.
struct Prior(Vec<f64>);

impl Prior {
    /// The probabilities of all inputs of a log.
    fn of(log: &Published, threshold: f64) -> Self {
        let mut above: Vec<f64> =
            log.inputs.iter().map(|input| input.p).filter(|p| *p > threshold).collect();
        above.sort_by(f64::total_cmp);
        if above.is_empty() {
            return Self::flat(threshold);
        }
        let at = |point: usize| above[(2 * point + 1) * above.len() / (2 * POINTS)];
        Self((0..POINTS).map(at).collect())
    }

    fn flat(threshold: f64) -> Self {
        let at =
            |point: usize| threshold + (1.0 - threshold) * (point as f64 + 0.5) / POINTS as f64;
        Self((0..POINTS).map(at).collect())
    }

    /// After how many draws the wealth against p ≤ `threshold` is 1/α, if ever.
    fn reaches(&self, votes: &Votes, threshold: f64) -> Option<u64> {
        let goal = -Protocol::default().alpha.get().ln() + (self.0.len() as f64).ln();
        let gains: Vec<(f64, f64)> = self
            .0
            .iter()
            .map(|q| ((q / threshold).ln(), ((1.0 - q) / (1.0 - threshold)).ln()))
            .collect();
        (1..=MOST).find(|&draws| {
            let count = votes.estimation[usize::try_from(draws).unwrap_or(0)] as f64;
            let against = draws as f64 - count;
            let logs = gains.iter().map(|(own, other)| count * own + against * other);
            let logs: Vec<f64> = logs.collect();
            let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            // Most draws are far from the goal: no sum is needed to see it.
            if largest < goal - (self.0.len() as f64).ln() {
                return false;
            }
            largest + logs.iter().map(|log| (log - largest).exp()).sum::<f64>().ln() >= goal
        })
    }
}
