//! `drs analyze`: what certification logs say, as tables.

mod findings;
mod text;

use drs_analysis::Log;
use drs_core::sampling::USUAL_RADII;
use drs_progress::{out, say};
use drs_report::{Markup, Part};

use crate::args::{AnalyzeArgs, COMPARE, Format};
use crate::logs;
use findings::Findings;

pub(crate) fn run(args: &AnalyzeArgs) -> anyhow::Result<()> {
    let logs = logs::read(&args.logs)?;
    let findings = Findings::of(&logs, &args.radii, args.compare)?;
    let out = match args.format {
        Format::Md => Markup::Markdown.text(&text::parts(&findings)),
        Format::Latex => Markup::Latex.text(&text::parts(&findings)),
        Format::Csv => text::csv(&findings)?,
        Format::Json => serde_json::to_string_pretty(&findings)?,
    };
    out!("{}", out.trim_end())?;
    if args.format == Format::Csv {
        // Tables and JSON hold it.
        findings.undecided.iter().for_each(|line| say!("note: {line}"));
    }
    Ok(())
}

/// The tables of some logs at the usual radii, compared at r = 0.5.
pub(crate) fn tables(logs: &[Log]) -> anyhow::Result<Vec<Part>> {
    Ok(text::parts(&Findings::of(logs, &USUAL_RADII, COMPARE)?))
}
