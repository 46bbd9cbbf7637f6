//! `recorded`: every method under every stopping rule, on the same votes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use drs_core::certificate::Certificate;
use drs_core::certify;
use drs_core::design::Schedule;
use drs_core::protocol::{Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping, USUAL_RADII};
use drs_core::selection::Selection;
use drs_progress::out;

use super::votes::{Header, Recorded, Row, read};
use crate::table;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Votes, as recorded.
    votes: PathBuf,
}

/// All certificates of a method under one rule, in the order of the rows.
type Run = Vec<Certificate>;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (header, rows) = read(&args.votes)?;
    ensure!(!rows.is_empty(), "{} has no input", args.votes.display());
    out!("{} inputs, N = {}, draws with selection\n", rows.len(), header.n)?;
    let mut runs = BTreeMap::new();
    for (method, name) in methods(&header) {
        for (sampling, question) in samplings() {
            let run = certified(&header, &rows, method, sampling)?;
            runs.insert((name.clone(), question), run);
        }
    }
    for (_, name) in methods(&header) {
        out!("{name}\n{}\n", questions(&rows, &name, &runs)?)?;
    }
    if header.pool.router.is_some() {
        out!("draws beside those of the routed expert alone under the same question")?;
        out!("{}\n", cost_of_routing(&runs)?)?;
        out!("certified radius, mean over the inputs that are right")?;
        out!("{}\n", radii(&rows, &runs)?)?;
    }
    Ok(())
}

fn methods(header: &Header) -> Vec<(Method, String)> {
    let experts = header.pool.experts.iter().enumerate();
    let mut methods: Vec<_> =
        experts.map(|(index, expert)| (Method::One(index), alone(&expert.name))).collect();
    if header.pool.router.is_some() {
        let routed = [(Method::Dual, "dual"), (Method::Set, "set"), (Method::MaxMin, "maxmin")];
        methods.extend(routed.map(|(method, name)| (method, name.to_owned())));
    }
    methods
}

fn alone(expert: &str) -> String {
    format!("one:{expert}")
}

const FIXED: &str = "fixed N";

fn samplings() -> [(Sampling, &'static str); 6] {
    let sequential = |stopping| Sampling::Sequential(Sequential::new(stopping));
    let half = Sequential::new(Stopping::Radii(vec![0.5]));
    let (schedule, selection) = (Schedule::default(), Selection::All);
    let late = Sampling::Sequential(Sequential { schedule, selection, ..half.clone() });
    [
        (Sampling::Fixed, FIXED),
        (sequential(Stopping::Full), "full"),
        (sequential(Stopping::Tolerance(0.05)), "tol 0.05"),
        (sequential(Stopping::Radii(USUAL_RADII.to_vec())), "grid"),
        (late, "r = 0.5, late looks"),
        (Sampling::Sequential(half), "r = 0.5"),
    ]
}

fn certified(
    header: &Header,
    rows: &[Row],
    method: Method,
    sampling: Sampling,
) -> anyhow::Result<Run> {
    let protocol = Protocol { n0: header.n0, n: header.n, sampling, ..Protocol::default() };
    let pool = &header.pool;
    let certify = |row| Ok(certify(pool, method, &protocol, None, &mut Recorded { pool, row })?);
    rows.iter().map(certify).collect()
}

type Runs = BTreeMap<(String, &'static str), Run>;

fn find<'r>(runs: &'r Runs, name: &str, question: &'static str) -> anyhow::Result<&'r Run> {
    runs.get(&(name.to_owned(), question)).with_context(|| format!("no run of {name}"))
}

fn mean_draws(run: &Run) -> f64 {
    run.iter().map(Certificate::draws).sum::<u64>() as f64 / run.len() as f64
}

/// Draws and certified accuracy of one method under each question.
fn questions(rows: &[Row], name: &str, runs: &Runs) -> anyhow::Result<comfy_table::Table> {
    let radii = USUAL_RADII.map(|radius| radius.to_string());
    let mut header = vec!["question", "draws", "of fixed", "most"];
    header.extend(radii.iter().map(String::as_str));
    let mut table = table::new(header);
    let fixed = mean_draws(find(runs, name, FIXED)?);
    for (_, question) in samplings() {
        let run = find(runs, name, question)?;
        let (mean, most) = (mean_draws(run), run.iter().map(Certificate::draws).max().unwrap_or(0));
        let cells = [format!("{mean:.0}"), format!("{:.3}", mean / fixed), most.to_string()];
        let accuracy = USUAL_RADII.map(|radius| {
            let certified =
                rows.iter().zip(run).filter(|(row, c)| c.verdict.certifies(row.label, radius));
            format!("{:.1}", 100.0 * certified.count() as f64 / rows.len() as f64)
        });
        table.add_row(std::iter::once(question.to_owned()).chain(cells).chain(accuracy));
    }
    Ok(table)
}

fn right(row: &Row, certificate: &Certificate) -> bool {
    certificate.verdict.class == Some(row.label)
}

/// What each routed method draws, as a multiple of what its first expert alone draws.
fn cost_of_routing(runs: &Runs) -> anyhow::Result<comfy_table::Table> {
    let header =
        ["method", "question", "all", "10 %", "50 %", "90 %", "99 %", "most", "of fixed alone"];
    let mut table = table::new(header);
    for name in ["dual", "set", "maxmin"] {
        for (_, question) in samplings() {
            let run = find(runs, name, question)?;
            let (mut own, mut reference, mut fixed) = (0, 0, 0);
            let mut ratios = Vec::with_capacity(run.len());
            for (index, certificate) in run.iter().enumerate() {
                let mut models = certificate.stages.iter().map(|stage| stage.model.as_str());
                let expert = models.find(|model| *model != "router").context("an expert votes")?;
                let alone = alone(expert);
                let draws = find(runs, &alone, question)?[index].draws();
                ratios.push(certificate.draws() as f64 / draws as f64);
                own += certificate.draws();
                reference += draws;
                fixed += find(runs, &alone, FIXED)?[index].draws();
            }
            ratios.sort_by(f64::total_cmp);
            let quantile =
                |share: f64| ratios[(share * (ratios.len() - 1) as f64).round() as usize];
            let figures = [own as f64 / reference as f64].into_iter();
            let figures = figures.chain([0.1, 0.5, 0.9, 0.99, 1.0].map(quantile));
            let figures = figures.chain([own as f64 / fixed as f64]);
            let cells = figures.map(|figure| format!("{figure:.2}"));
            table.add_row([name.to_owned(), question.to_owned()].into_iter().chain(cells));
        }
    }
    Ok(table)
}

/// What the draws buy.
fn radii(rows: &[Row], runs: &Runs) -> anyhow::Result<comfy_table::Table> {
    let mut table =
        table::new(["question", "dual", "set", "maxmin", "dual: draws", "set", "maxmin"]);
    for (_, question) in samplings() {
        let mut cells = vec![question.to_owned()];
        for name in ["dual", "set", "maxmin"] {
            let run = find(runs, name, question)?;
            let radii = rows.iter().zip(run).filter(|(row, c)| right(row, c));
            let sum: f64 = radii.map(|(_, c)| c.verdict.radius.get()).sum();
            cells.push(format!("{:.4}", sum / rows.len() as f64));
        }
        for name in ["dual", "set", "maxmin"] {
            cells.push(format!("{:.0}", mean_draws(find(runs, name, question)?)));
        }
        table.add_row(cells);
    }
    Ok(table)
}
