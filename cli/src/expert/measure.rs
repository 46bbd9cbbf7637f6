//! `drs expert check --data`: how often each expert is right under its own noise.

use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context as _, bail, ensure};
use comfy_table::{CellAlignment, Table, presets};
use drs_analysis::{Share, Watch};
use drs_core::noise::Seed;
use drs_core::pool::{Phase, Role, Stage};
use drs_core::votes::VoteCounts;
use drs_data::Dataset;
use drs_progress::{Bar, out, say};
use drs_router::{Config, Count, Options, Program, Router, ordered};
use serde::Serialize;

use crate::args::CheckArgs;
use crate::data;

/// What was measured of one expert; as `--json` writes it.
#[derive(Serialize)]
struct Measured<'a> {
    name: &'a str,
    sigma: f64,
    /// Noisy copies of each input.
    copies: u64,
    /// Noisy copies that got the right class, in percent.
    copies_right: f64,
    /// Inputs whose most frequent class is right.
    right: Share,
    /// What guessing gives, in percent.
    chance: f64,
    most_frequent: MostFrequent<'a>,
    warning: Option<String>,
}

/// The class that most inputs get.
#[derive(Serialize)]
struct MostFrequent<'a> {
    class: &'a str,
    percent: f64,
}

pub(super) fn run(args: &CheckArgs, experts: &Path, path: &Path) -> anyhow::Result<()> {
    let config = Config::read(experts)?;
    // Libraries are loaded by processes of their own here.
    let options = Options {
        isolate: true,
        worker: Program::this().ok(),
        ..Options::new(available_parallelism().map_or(1, usize::from))
    };
    let router = Router::open(&config, &options)
        .map_err(|error| anyhow::anyhow!("{}: {error}", experts.display()))?;
    let data = data::open(path, &args.reading, config.input, router.classes())?;
    ensure!(!data.is_empty(), "--data {}: no input", path.display());
    let wanted = |name: &str| args.subject.name.as_ref().is_none_or(|own| own == name);
    let all = router.pool().experts.iter().enumerate();
    let chosen: Vec<usize> = all.filter(|(_, e)| wanted(&e.name)).map(|(place, _)| place).collect();
    if chosen.is_empty() {
        say!(
            "note: --data measures experts; the router answers with experts, which have no labels"
        );
        return Ok(());
    }
    let votes = votes(&router, &data, &chosen, args)?;
    let measured: Vec<Measured<'_>> = chosen
        .iter()
        .enumerate()
        .map(|(column, &expert)| measure(&router, expert, args.copies, &votes, column))
        .collect::<anyhow::Result<_>>()?;
    if args.subject.json {
        for expert in &measured {
            out!("{}", serde_json::to_string(expert)?)?;
        }
        return Ok(());
    }
    Ok(print(&measured, votes.len(), args.copies)?)
}

/// A label, and each chosen expert's votes.
type Row = (usize, Vec<VoteCounts>);

fn votes(
    router: &Router,
    data: &Dataset,
    chosen: &[usize],
    args: &CheckArgs,
) -> anyhow::Result<Vec<Row>> {
    let count = args.inputs.min(data.len());
    // Over all of the data: classes often lie one after the other.
    let indices: Vec<usize> = (0..count).map(|place| place * data.len() / count).collect();
    let classes = router.classes().len();
    let vote = |index: usize| -> anyhow::Result<Row> {
        let example = data.get(index)?;
        let label = example.label.with_context(|| {
            format!(
                "input {index} ({}) has no label: expected data with labels, or --labels FILE",
                example.name
            )
        })?;
        if label >= classes {
            bail!(
                "input {index} ({}) has label {label}, expected at most {}: the experts know {classes} classes",
                example.name,
                classes - 1
            );
        }
        // Draws of PREDICT: no certificate rests on them.
        let stage = |&expert| Stage { role: Role::Expert(expert), phase: Phase::Prediction };
        let stages = chosen.iter().map(|expert| (stage(expert), vec![args.copies])).collect();
        let question = Count { stages, seed: Seed::from_number(0) };
        let votes = router.ask(Arc::new(example.input), &question)?.outcome;
        Ok((label, votes.into_iter().flatten().collect()))
    };
    let bar = Bar::over(count, "inputs");
    let mut rows = Vec::with_capacity(count);
    ordered(indices.into_iter(), router.inputs_at_once(), vote, |row| {
        rows.push(row?);
        bar.advance();
        anyhow::Ok(())
    })?;
    bar.finish();
    Ok(rows)
}

fn measure<'a>(
    router: &'a Router,
    expert: usize,
    copies: u64,
    rows: &[Row],
    column: usize,
) -> anyhow::Result<Measured<'a>> {
    let model = &router.pool().experts[expert];
    let classes = router.classes();
    let mut watch = Watch::new(classes.len());
    let mut copies_right = 0;
    for (label, votes) in rows {
        let votes = &votes[column];
        watch.add(*label, votes.top());
        copies_right += votes.of(*label);
    }
    let (right, inputs) = watch.right();
    let (class, answers) = watch.most_frequent();
    let percent = |part: f64, whole: f64| 100.0 * part / whole;
    Ok(Measured {
        name: &model.name,
        sigma: model.sigma.get(),
        copies,
        copies_right: percent(copies_right as f64, copies as f64 * inputs as f64),
        right: Share::new(right, inputs)?,
        chance: percent(1.0, classes.len() as f64),
        most_frequent: MostFrequent {
            class: classes.get(class).map_or("", String::as_str),
            percent: percent(answers as f64, inputs as f64),
        },
        warning: watch.suspicion().map(|found| found.to_string()),
    })
}

fn print(measured: &[Measured<'_>], inputs: usize, copies: u64) -> std::io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "expert",
        "sigma",
        "right, %",
        "95 %",
        "copies right, %",
        "chance, %",
        "most frequent answer, %",
    ]);
    for expert in measured {
        let Share { percent, low, high, .. } = expert.right;
        let MostFrequent { class, percent: share } = expert.most_frequent;
        table.add_row([
            expert.name.to_owned(),
            expert.sigma.to_string(),
            format!("{percent:.1}"),
            format!("{low:.1} to {high:.1}"),
            format!("{:.1}", expert.copies_right),
            format!("{:.1}", expert.chance),
            format!("{class}: {share:.1}"),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    out!("{inputs} inputs, {copies} noisy copies of each at the expert's sigma\n{table}")?;
    for expert in measured {
        if let Some(warning) = &expert.warning {
            say!("warning: expert {}: {warning}", expert.name);
        }
    }
    if inputs < Watch::FEWEST {
        say!("note: of fewer than {} inputs nothing odd can be told", Watch::FEWEST);
    }
    Ok(())
}
