//! `drs analyze`: what certification logs say, as tables.

mod findings;
mod markup;
mod text;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use drs_analysis::{Log, common};

use crate::args::{AnalyzeArgs, Format};
use findings::Findings;
use markup::Markup;

pub(crate) fn run(args: &AnalyzeArgs) -> anyhow::Result<()> {
    let mut logs = read(&args.logs)?;
    if args.common {
        logs = common(&logs);
        if logs.iter().any(|log| log.rows.is_empty()) {
            bail!("--common: no index is in all {} logs", logs.len());
        }
    }
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

/// Reads logs; those with one file name are told apart by their folders.
fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Log>> {
    let mut logs = Vec::with_capacity(paths.len());
    for path in paths {
        logs.push(Log::read(path)?);
    }
    let names: Vec<String> = logs.iter().map(|log| log.name.clone()).collect();
    for (index, path) in paths.iter().enumerate() {
        if names.iter().filter(|name| **name == names[index]).count() > 1 {
            let folder = path.parent().and_then(|folder| folder.file_name());
            let folder = folder.context("two logs have one name; give one of them another")?;
            logs[index].name = format!("{}/{}", folder.to_string_lossy(), names[index]);
        }
    }
    Ok(logs)
}
