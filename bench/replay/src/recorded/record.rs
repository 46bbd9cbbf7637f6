//! `record`: all draws of all models of a pool, on a data set.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use drs_core::noise::Seed;
use drs_core::pool::{Role, Stage};
use drs_data::{Dataset, Subset};
use drs_progress::say;
use drs_router::{Config, Count, Options, Router, ordered};

use super::votes::{Header, Row, read};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The pool.
    #[arg(long)]
    experts: PathBuf,

    /// The data: an ImageFolder, or a folder of IDX files.
    #[arg(long)]
    data: PathBuf,

    /// File for the votes. One that is there is continued.
    #[arg(long)]
    out: PathBuf,

    /// First input.
    #[arg(long, default_value_t = 0)]
    start: usize,

    /// Take every SKIP-th input.
    #[arg(long, default_value_t = 1)]
    skip: usize,

    /// Take at most this many inputs.
    #[arg(long)]
    max: Option<usize>,

    /// The router's votes only.
    #[arg(long)]
    router_only: bool,

    #[arg(long, default_value_t = 1)]
    seed: u64,

    #[arg(long, default_value_t = 100)]
    n0: u64,

    #[arg(long, default_value_t = 10_000)]
    n: u64,

    #[arg(long, default_value_t = 1)]
    threads: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = Config::read(&args.experts)?;
    let options = Options::new(args.threads);
    let router = Router::open(&config, &options)?;
    let data = Dataset::open(&args.data, config.input, &drs_data::OpenOptions::default())?;
    let data = data.for_experts(router.classes())?;
    data.notes().iter().for_each(|note| say!("note: {note}"));
    let header = Header { pool: router.pool().clone(), seed: args.seed, n0: args.n0, n: args.n };
    let text = serde_json::to_string(&header)?;

    // Finished rows are written again, which drops one that was cut short.
    let done = if args.out.exists() {
        let (earlier, rows) = read(&args.out)?;
        ensure!(earlier == header, "{} is of another pool or protocol", args.out.display());
        rows
    } else {
        Vec::new()
    };
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&args.out)?;
    writeln!(file, "{text}")?;
    for row in &done {
        writeln!(file, "{}", serde_json::to_string(row)?)?;
    }

    let start = Instant::now();
    let subset = Subset { start: args.start, skip: args.skip, max: args.max };
    let left: Vec<usize> = subset.indices(data.len()).skip(done.len()).collect();
    let (all, mut finished) = (left.len(), 0);
    let vote = |index: usize| -> anyhow::Result<Row> {
        let example = data.get(index)?;
        let is_asked = |stage: &Stage| !args.router_only || stage.role == Role::Router;
        let stages =
            header.stages().filter(is_asked).map(|stage| (stage, header.looks(stage.phase)));
        let question = Count { stages: stages.collect(), seed: Seed::from_number(args.seed) };
        let counted = router.ask(Arc::new(example.input), &question)?.outcome;
        let addresses = question.stages.iter().map(|(stage, _)| header.pool.address(*stage));
        let votes = addresses.zip(counted).collect();
        Ok(Row { idx: index, label: example.label.context("an input without a label")?, votes })
    };
    ordered(left.into_iter(), router.inputs_at_once(), vote, |row| {
        writeln!(file, "{}", serde_json::to_string(&row?)?)?;
        finished += 1;
        if finished % 10 == 0 {
            let left = start.elapsed().mul_f64((all - finished) as f64 / finished as f64);
            say!("{finished} of {all} inputs, {} minutes left", left.as_secs().div_ceil(60));
        }
        anyhow::Ok(())
    })
}
