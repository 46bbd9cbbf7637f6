//! `drs report`: one HTML file to look at.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use drs_analysis::{Curve, Joint, Log, Row};
use drs_data::{Dataset, InputSpec};
use drs_progress::Bar;
use drs_report::{Card, Line, Page, thumbnail};
use drs_router::Config;

use crate::args::ReportArgs;
use crate::{analyze, data, logs};

/// How lower bounds look on the page.
const SHOWN: &str = " (thin, with dots at the radii that were decided and a shade up to what there may be; ≥ in tables)";

pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let logs = logs::read_any(&args.logs)?;
    let data = match (&args.data, &args.experts) {
        (Some(data), Some(experts)) => Some(open(data, experts, args)?),
        _ => None,
    };
    let Some(first) = logs.first() else { bail!("no log") };
    // Without labels nothing is right or wrong: then the gallery is all there is.
    let labelled = logs.iter().all(Log::is_labelled);
    let page = Page {
        title: args.title.clone(),
        subtitle: subtitle(&logs, labelled),
        lines: if labelled { lines(&logs) } else { Vec::new() },
        hints: if labelled { logs::undecided(&logs, SHOWN) } else { Vec::new() },
        tables: if labelled { analyze::tables(&logs)? } else { Vec::new() },
        classes: classes(args, data.as_ref())?,
        channels: data.as_ref().map_or(3, |(_, spec)| spec.shape.dims()[0]),
        cards: cards(first, data.as_ref().map(|(data, _)| data))?,
    };
    let problem = || format!("cannot write {}", args.out.display());
    let mut file = BufWriter::new(File::create(&args.out).with_context(problem)?);
    page.write(&mut file).and_then(|()| file.flush()).with_context(problem)
}

fn open(path: &Path, experts: &Path, args: &ReportArgs) -> anyhow::Result<(Dataset, InputSpec)> {
    let spec = Config::read(experts)?.input;
    Ok((data::open_without_models(path, &args.reading, spec, Some(experts), None)?, spec))
}

fn subtitle(logs: &[Log], labelled: bool) -> String {
    let name = |log: &Log| format!("{} ({} inputs)", log.name, log.rows.len());
    let names: Vec<String> = logs.iter().map(name).collect();
    let meaning = if labelled {
        "Certified accuracy at r is the share of inputs that are right with a certified L2 radius of at least r."
    } else {
        "Not all inputs have labels, so nothing is said about accuracy."
    };
    format!("Logs: {}. {meaning}", names.join(", "))
}

fn lines(logs: &[Log]) -> Vec<Line> {
    let line = |name: &str, curve, reference| Line { name: name.to_owned(), curve, reference };
    let mut lines: Vec<Line> =
        logs.iter().map(|log| line(&log.name, Curve::of(log), false)).collect();
    if logs.len() > 1
        && let Ok(joint) = Joint::new(logs)
    {
        lines.push(line("oracle", joint.oracle(), true));
    }
    lines
}

fn classes(args: &ReportArgs, data: Option<&(Dataset, InputSpec)>) -> anyhow::Result<Vec<String>> {
    if let Some(names) = args.reading.classes.names()? {
        return Ok(names);
    }
    Ok(data.and_then(|(data, _)| data.classes()).map_or_else(Vec::new, <[String]>::to_vec))
}

fn cards(log: &Log, data: Option<&Dataset>) -> anyhow::Result<Vec<Card>> {
    let bar = if data.is_some() { Bar::over(log.rows.len(), "inputs") } else { Bar::hidden() };
    let cards = log.rows.iter().map(|row| card(row, data)).inspect(|_| bar.advance()).collect();
    bar.finish();
    cards
}

fn card(row: &Row, data: Option<&Dataset>) -> anyhow::Result<Card> {
    let image = match data {
        None => None,
        Some(data) => {
            let example = data.get(row.index)?;
            // Where one of them has no label, there is nothing to compare.
            if let (Some(found), Some(label)) = (example.label, row.label)
                && found != label
            {
                bail!(
                    "input {} has label {label} in the log and {found} in the data set ({}): not the same data",
                    row.index,
                    example.name
                );
            }
            thumbnail(&example.input)
        }
    };
    let routing = row.routing.as_ref();
    Ok(Card {
        index: row.index,
        label: row.label,
        predict: row.predict,
        radius: row.radius,
        expert: routing.and_then(|routing| routing.expert.clone()),
        sigma: routing.and_then(|routing| routing.sigma),
        binds: routing.and_then(|routing| routing.binds),
        route_radius: routing
            .map(|routing| routing.route_radius)
            .filter(|radius| radius.is_finite()),
        class_radius: routing.map(|routing| routing.class_radius),
        image,
    })
}
