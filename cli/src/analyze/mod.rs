//! `drs analyze`: what certification logs say, as tables.

mod findings;
mod text;

use std::io::Write as _;

use crate::args::{AnalyzeArgs, Format};
use crate::logs;
use crate::markup::Markup;
use findings::Findings;

pub(crate) fn run(args: &AnalyzeArgs) -> anyhow::Result<()> {
    let logs = logs::read(&args.logs)?;
    let findings = Findings::of(&logs, &args.radii, args.compare)?;
    let out = match args.format {
        Format::Md => text::page(&findings, Markup::Markdown),
        Format::Latex => text::page(&findings, Markup::Latex),
        Format::Csv => text::csv(&findings)?,
        Format::Json => serde_json::to_string_pretty(&findings)?,
    };
    writeln!(std::io::stdout().lock(), "{}", out.trim_end())?;
    Ok(())
}
