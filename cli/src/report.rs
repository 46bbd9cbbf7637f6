//! `drs report`: one HTML file to look at.

use std::path::Path;

use anyhow::bail;
use drs_analysis::{Curve, Joint, Log, Row};
use drs_data::{Dataset, Example, InputSpec};
use drs_progress::{Bar, say};
use drs_report::{Card, Line, Page, thumbnail};
use drs_router::Config;
use drs_run::whole;

use crate::args::ReportArgs;
use crate::usage::wrong_usage;
use crate::{analyze, data, logs};

/// How lower bounds look on the page.
const SHOWN: &str = " (thin, with dots at the radii that were decided and a shade up to what there may be; ≥ in tables)";

/// Inputs that cannot be read are told one by one up to this many.
const TOLD: usize = 5;

pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let extension = args.out.extension().map(|extension| extension.to_ascii_lowercase());
    if !extension.is_some_and(|extension| extension == "html" || extension == "htm") {
        wrong_usage!("--out {}: expected a file that ends in .html", args.out.display());
    }
    let read = args.data.as_deref().into_iter().chain(args.experts.as_deref());
    whole::check_apart(&args.out, args.logs.paths().chain(read).chain(args.reading.files()))?;
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
    let mut text = Vec::new();
    page.write(&mut text)?;
    Ok(whole::write(&args.out, text)?)
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

/// A card for each row. Those whose input cannot be read have no picture, and are told.
fn cards(log: &Log, data: Option<&Dataset>) -> anyhow::Result<Vec<Card>> {
    let Some(data) = data else { return Ok(log.rows.iter().map(|row| card(row, None)).collect()) };
    let bar = Bar::over(log.rows.len(), "inputs");
    let mut unreadable = Vec::new();
    let mut cards = Vec::with_capacity(log.rows.len());
    for row in &log.rows {
        let image = match data.get(row.index) {
            Ok(example) => picture(row, &example)?,
            // Not one that fails to be read: there is none.
            Err(error) if row.index >= data.len() => return Err(error.into()),
            Err(error) => {
                unreadable.push(format!("input {}: {error}", row.index));
                None
            }
        };
        cards.push(card(row, image));
        bar.advance();
    }
    bar.finish();
    unreadable.iter().take(TOLD).for_each(|told| say!("note: {told}: no picture of it"));
    if unreadable.len() > TOLD {
        say!("note: {} more inputs cannot be read: no pictures of them", unreadable.len() - TOLD);
    }
    Ok(cards)
}

/// The input of a row as a picture, where it can be one.
fn picture(row: &Row, example: &Example) -> anyhow::Result<Option<Vec<u8>>> {
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
    Ok(thumbnail(&example.input))
}

fn card(row: &Row, image: Option<Vec<u8>>) -> Card {
    let routing = row.routing.as_ref();
    Card {
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
    }
}
