//! `drs plan`: whether routing would pay, before anything is trained.

mod verdict;

use drs_analysis::{Joint, Pool, Verdict};
use drs_core::text::{counted, printable};
use drs_progress::{out, say};
use drs_report::{Grid, Markup, Part, csv_text};
use serde::Serialize;

use crate::args::{Format, PlanArgs};
use crate::logs;
use crate::usage::wrong_usage;

/// How lower bounds look in these tables.
const SHOWN: &str = " (at radii marked *, where every figure may move)";

/// Pools beyond this number are more than anyone reads.
const MOST_LOGS: usize = 10;

/// Stands behind radii that draws did not decide.
const UNDECIDED: &str = " *";

/// The layout of `--format json`.
#[derive(Debug, Serialize)]
struct Plan {
    radii: Vec<f64>,
    /// Of these radii, those that not all logs decide: figures there rest on radii that
    /// more draws would raise.
    undecided: Vec<f64>,
    logs: Vec<String>,
    pools: Vec<Row>,
    /// For each router accuracy, the highest first; pools and single experts by place
    /// among the logs.
    verdicts: Vec<Verdict>,
    sentence: String,
}

/// One pool. Shares from 0 to 1, at each radius.
#[derive(Debug, Serialize)]
struct Row {
    experts: Vec<String>,
    oracle: Vec<f64>,
    oracle_average_radius: f64,
    /// The pool's best single expert.
    envelope: Vec<f64>,
    /// Router accuracy from which on the pool beats the best single expert of
    /// all logs; none does if absent.
    needed: Vec<Option<f64>>,
    /// For each router accuracy.
    expected: Vec<Expected>,
}

#[derive(Debug, Serialize)]
struct Expected {
    router_accuracy: f64,
    certified: Vec<f64>,
}

pub(crate) fn run(args: &PlanArgs) -> anyhow::Result<()> {
    let logs = logs::read(&args.logs)?;
    if !(2..=MOST_LOGS).contains(&logs.len()) {
        wrong_usage!(
            "{}, expected 2 to {MOST_LOGS}: one for each expert",
            counted(logs.len(), "log")
        );
    }
    if let Some(log) = logs.iter().find(|log| !log.is_of_one_expert()) {
        wrong_usage!(
            "{}: its inputs were routed, or several experts certified them; expected the log of one expert alone, as drs certify --method one:NAME writes",
            printable(&log.name)
        );
    }
    let joint = Joint::new(&logs)?;
    let pools = Pool::all(&joint);
    let Some(whole) = pools.last() else { return Ok(()) };
    let at = |value: &dyn Fn(f64) -> f64| args.radii.iter().map(|&r| value(r)).collect();
    let row = |pool: &Pool| Row {
        experts: pool.members.iter().map(|&log| logs[log].name.clone()).collect(),
        oracle: at(&|radius| pool.oracle().accuracy(radius)),
        oracle_average_radius: pool.oracle().average_radius(),
        envelope: at(&|radius| pool.envelope(radius)),
        needed: args.radii.iter().map(|&r| pool.needed(whole.envelope(r), r)).collect(),
        expected: args
            .accuracy
            .iter()
            .map(|&router_accuracy| Expected {
                router_accuracy,
                certified: at(&|radius| pool.expected(router_accuracy, radius)),
            })
            .collect(),
    };
    let rows: Vec<Row> = pools.iter().map(row).collect();
    let undecided = args.radii.iter().copied().filter(|&r| !whole.is_decided_at(r)).collect();
    let verdicts = verdict::all(&joint, &pools, args);
    let sentence = verdict::sentence(&verdicts, &logs);
    let plan = Plan {
        radii: args.radii.clone(),
        undecided,
        logs: logs.iter().map(|log| log.name.clone()).collect(),
        pools: rows,
        verdicts,
        sentence,
    };
    let hints = logs::undecided(&logs, SHOWN);
    let best: Vec<f64> = args.radii.iter().map(|&radius| whole.envelope(radius)).collect();
    let out = match args.format {
        Format::Md => Markup::Markdown.text(&parts(&plan, &best, args, hints)),
        Format::Latex => Markup::Latex.text(&parts(&plan, &best, args, hints)),
        Format::Csv => {
            hints.iter().for_each(|line| say!("note: {line}"));
            say!("{}", plan.sentence);
            csv(&plan, args)?
        }
        Format::Json => serde_json::to_string_pretty(&plan)?,
    };
    out!("{}", out.trim_end())?;
    Ok(())
}

fn parts(plan: &Plan, best: &[f64], args: &PlanArgs, hints: Vec<String>) -> Vec<Part> {
    let rows = &plan.pools;
    let percent = |share: &f64| format!("{:.2}", 100.0 * share);
    let grid = |title: &str, shares: &dyn Fn(&Row) -> Vec<String>, single: bool| {
        let named = |name: String, cells: Vec<String>| std::iter::once(name).chain(cells).collect();
        let mut lines: Vec<Vec<String>> = Vec::new();
        if single {
            let cells = best.iter().map(percent).collect();
            lines.push(named("best single expert".to_owned(), cells));
        }
        lines.extend(rows.iter().map(|row| named(row.experts.join(" + "), shares(row))));
        let mark = |radius| if plan.undecided.contains(radius) { UNDECIDED } else { "" };
        let radii = args.radii.iter().map(|radius| format!("r = {radius}{}", mark(radius)));
        let header = std::iter::once("experts".to_owned()).chain(radii).collect();
        Part::Table(Grid { title: title.to_owned(), header, rows: lines })
    };
    let needed = |row: &Row| {
        row.needed.iter().map(|q| q.as_ref().map_or_else(|| "never".to_owned(), percent)).collect()
    };
    let mut parts = vec![
        grid(
            "Oracle: certified accuracy, %, if each input went to the expert with the largest radius on its class",
            &|row| row.oracle.iter().map(percent).collect(),
            true,
        ),
        grid(
            "Router accuracy, %, from which on routing beats the best single expert of all",
            &needed,
            false,
        ),
    ];
    for (index, accuracy) in args.accuracy.iter().enumerate() {
        parts.push(grid(
            &format!("Expected certified accuracy, %, with a router of accuracy {accuracy}"),
            &|row| row.expected[index].certified.iter().map(percent).collect(),
            true,
        ));
    }
    parts.push(Part::Note(
        "A router that errs takes any other expert of the pool; where its own radius binds, less is certified.".to_owned(),
    ));
    parts.extend(hints.into_iter().map(Part::Note));
    parts.extend(verdict::table(plan.verdicts.first(), &plan.logs).map(Part::Table));
    parts.push(Part::Note(plan.sentence.clone()));
    parts
}

fn csv(plan: &Plan, args: &PlanArgs) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let expected = args.accuracy.iter().map(|accuracy| format!("expected_{accuracy}"));
    let header = ["experts", "radius", "oracle", "envelope", "needed"].map(str::to_owned);
    let last = std::iter::once("decided".to_owned());
    writer.write_record(header.into_iter().chain(expected).chain(last))?;
    for row in &plan.pools {
        for (index, radius) in args.radii.iter().enumerate() {
            let share = |share: f64| format!("{share:.6}");
            let mut fields = vec![
                csv_text(&row.experts.join("+")).into_owned(),
                radius.to_string(),
                share(row.oracle[index]),
                share(row.envelope[index]),
                row.needed[index].map_or_else(String::new, share),
            ];
            fields.extend(row.expected.iter().map(|expected| share(expected.certified[index])));
            fields.push(u8::from(!plan.undecided.contains(radius)).to_string());
            writer.write_record(fields)?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
