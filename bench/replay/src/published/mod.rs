//! Replays published certification logs without a model: each logged radius
//! stands for a p_A, from which votes are drawn and certified by fixed and by
//! sequential sampling, on the same votes.

pub(crate) mod betting;
mod log;
mod simulated;

use std::path::PathBuf;

use anyhow::Context as _;
use comfy_table::Table;
use drs_core::certify;
use drs_core::design::Schedule;
use drs_core::protocol::{Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping, USUAL_RADII};
use drs_core::selection::Selection;
use drs_core::units::Sigma;
use drs_progress::out;

use crate::table;
use log::Published;
use simulated::Simulated;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Published logs, each with its noise level: LOG=SIGMA.
    #[arg(required = true, value_parser = log_and_sigma)]
    logs: Vec<(PathBuf, Sigma)>,

    /// Take every SKIP-th row of logs with more than 1,000.
    #[arg(long, default_value_t = 1)]
    skip: usize,

    /// Largest numbers of draws to try.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    n: Vec<u64>,

    /// Seed of the simulated votes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn log_and_sigma(text: &str) -> Result<(PathBuf, Sigma), String> {
    let (path, sigma) = text.rsplit_once('=').ok_or("expected LOG=SIGMA")?;
    let sigma = sigma.parse().map_err(|_| "sigma is not a number".to_owned())?;
    Ok((path.into(), Sigma::new(sigma).map_err(|error| error.to_string())?))
}

/// A design on one log.
#[derive(Default)]
struct Tally {
    draws: u64,
    /// Those of each input.
    each: Vec<u64>,
    /// Correct with a radius above each of the usual ones.
    certified: [u32; USUAL_RADII.len()],
}

fn median(draws: &[u64]) -> u64 {
    let mut sorted = draws.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    for &n in &args.n {
        let mut table = table::new([
            "log",
            "inputs",
            "grid: draws",
            "of fixed",
            "lost, points",
            "without futility",
            "lost",
            "r = 0.5",
            "of fixed",
            "lost",
        ]);
        let mut shares = [Vec::new(), Vec::new(), Vec::new()];
        for (path, sigma) in &args.logs {
            let log = Published::read(path, *sigma, args.skip)?;
            let (row, own) = row(&log, n, args.seed)?;
            let name = path.file_name().context("a log is a file")?.to_string_lossy().into_owned();
            table.add_row([name, log.inputs.len().to_string()].into_iter().chain(row));
            shares.iter_mut().zip(own).for_each(|(all, own)| all.push(own));
        }
        let mean = |shares: &[f64]| shares.iter().sum::<f64>() / shares.len() as f64;
        let [grid, certain, half] = shares.each_ref().map(|shares| mean(shares));
        out!("N = {n}\n{table}")?;
        out!(
            "mean share of fixed draws: grid {grid:.3}, without futility {certain:.3}, r = 0.5 {half:.3}\n"
        )?;
        out!("{}\n", single_questions(args, n)?)?;
    }
    Ok(())
}

/// The cells of one log, and the shares of the fixed draws that three designs took.
fn row(log: &Published, n: u64, seed: u64) -> anyhow::Result<(Vec<String>, [f64; 3])> {
    let sequential = |stopping, futility| {
        Sampling::Sequential(Sequential { futility, ..Sequential::new(stopping) })
    };
    let grid = Stopping::Radii(USUAL_RADII.to_vec());
    let fixed = certified(log, n, Sampling::Fixed, seed)?;
    let usual = certified(log, n, sequential(grid.clone(), Sequential::FUTILITY), seed)?;
    let certain = certified(log, n, sequential(grid, 0.0), seed)?;
    let half =
        certified(log, n, sequential(Stopping::Radii(vec![0.5]), Sequential::FUTILITY), seed)?;
    let points = |lost: i64| format!("{:.2}", 100.0 * lost as f64 / log.inputs.len() as f64);
    let worst = |tally: &Tally| {
        let lost = fixed.certified.iter().zip(&tally.certified);
        lost.map(|(all, own)| i64::from(*all) - i64::from(*own)).max().unwrap_or(0)
    };
    // 0.5 is the third of the usual radii.
    let lost_half = i64::from(fixed.certified[2]) - i64::from(half.certified[2]);
    let mean = |tally: &Tally| (tally.draws / log.inputs.len() as u64).to_string();
    let share = |tally: &Tally| tally.draws as f64 / fixed.draws as f64;
    let shares = [share(&usual), share(&certain), share(&half)];
    let cells = vec![
        mean(&usual),
        format!("{:.3}", shares[0]),
        points(worst(&usual)),
        format!("{:.3}", shares[1]),
        points(worst(&certain)),
        mean(&half),
        format!("{:.3}", shares[2]),
        points(lost_half),
    ];
    Ok((cells, shares))
}

/// Draws to decide one radius, selection included, as other questions take them and as this one
/// does; beside the fewest estimation draws that any method takes where it certifies, ln α / ln p₀.
fn single_questions(args: &Args, n: u64) -> anyhow::Result<Table> {
    let mut table = table::new([
        "log",
        "radius",
        "floor",
        "late looks: mean",
        "median",
        "certified",
        "early looks: mean",
        "median",
        "certified",
    ]);
    for (path, sigma) in &args.logs {
        let log = Published::read(path, *sigma, args.skip)?;
        for radius in [0.5, 1.25, 2.0] {
            let early = Sequential::new(Stopping::Radii(vec![radius]));
            let (schedule, selection) = (Schedule::default(), Selection::All);
            let late = Sequential { schedule, selection, ..early.clone() };
            let threshold = log::probability(radius, *sigma);
            let floor = (0.001f64.ln() / threshold.ln()).ceil();
            // Also where the radius asks for certainty.
            if !(floor <= n as f64 && floor >= 0.0) {
                continue;
            }
            let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
            let mut cells = vec![name, radius.to_string(), format!("{floor:.0}")];
            for design in [late, early] {
                let tally = certified(&log, n, Sampling::Sequential(design), args.seed)?;
                let mean = tally.draws as f64 / log.inputs.len() as f64;
                let at = USUAL_RADII.iter().position(|&usual| usual == radius);
                let right = at.map_or(0, |at| tally.certified[at]);
                cells.extend([
                    format!("{mean:.0}"),
                    median(&tally.each).to_string(),
                    right.to_string(),
                ]);
            }
            table.add_row(cells);
        }
    }
    Ok(table)
}

fn certified(log: &Published, n: u64, sampling: Sampling, seed: u64) -> anyhow::Result<Tally> {
    let pool = log.pool();
    let protocol = Protocol { n, sampling, ..Protocol::default() };
    let mut tally = Tally::default();
    for (index, input) in log.inputs.iter().enumerate() {
        let mut votes = Simulated::new(input.p, protocol.n0, n, seed, index as u64);
        let certificate = certify(&pool, Method::One(0), &protocol, None, &mut votes)?;
        tally.draws += certificate.draws();
        tally.each.push(certificate.draws());
        let verdict = certificate.verdict;
        // Class 0 stands for the class that the log has, right or wrong.
        if input.correct {
            for (count, radius) in tally.certified.iter_mut().zip(USUAL_RADII) {
                *count += u32::from(verdict.certifies(0, radius));
            }
        }
    }
    Ok(tally)
}
