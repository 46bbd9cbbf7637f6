//! What is told of the records: rejections, a summary, or JSON.

use std::io::Write as _;
use std::path::Path;

use anyhow::bail;
use drs_core::text::{counted, printable};
use drs_core::verify::Rejection;

use super::Checked;
use super::rows::{Row, mixture};
use super::tally::Tally;
use crate::args::VerifyArgs;

/// So many runs of a file are told at most.
const MOST_RUNS: usize = 20;

/// All files together, and the one at hand.
pub(super) struct Report {
    json: bool,
    /// Whether a file may hold several runs.
    mixed: bool,
    /// Whether labels were to be compared.
    data: bool,
    records: usize,
    rejected: usize,
    files: usize,
    /// Files that hold several runs.
    assembled: usize,
    file: Tally,
}

impl Report {
    pub(super) fn new(args: &VerifyArgs) -> Self {
        Self {
            json: args.json,
            mixed: args.mixed,
            data: args.inputs.data.is_some(),
            records: 0,
            rejected: 0,
            files: 0,
            assembled: 0,
            file: Tally::default(),
        }
    }

    /// Tells of a line that is rejected, or with `--json` of any.
    pub(super) fn add(&mut self, path: &Path, checked: &Checked) -> anyhow::Result<()> {
        self.file.add(checked);
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&Row::of(path, checked))?)?;
        } else if let Err(rejection) = &checked.outcome {
            writeln!(out, "{}:{}: {rejection}", shown(path), checked.line)?;
        }
        Ok(())
    }

    /// Sums a file up.
    pub(super) fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let tally = std::mem::take(&mut self.file);
        self.files += 1;
        self.records += tally.records;
        self.rejected += tally.rejected;
        self.assembled += usize::from(tally.runs.mixed());
        if self.json {
            return mixture(path, &tally);
        }
        let mut out = std::io::stdout().lock();
        let (accepted, records) = (tally.accepted(), tally.records);
        let path = shown(path);
        if tally.runs.mixed() && !self.mixed {
            let first = tally.runs.parts().next().map_or(1, |(part, _)| part.line);
            for (part, told) in tally.runs.parts().skip(1).take(MOST_RUNS) {
                if let Some(told) = told {
                    writeln!(out, "{path}:{}: {told} as in line {first}", part.line)?;
                }
            }
        }
        writeln!(out, "{path}: {accepted} of {records} records follow from their votes")?;
        for (part, told) in tally.runs.parts().take(MOST_RUNS) {
            write!(out, "  {} x {}", part.records, part.run)?;
            if let Some(Rejection { field, found, expected }) = told {
                write!(out, ", from line {}: {field} is {found}, not {expected}", part.line)?;
            }
            writeln!(out)?;
        }
        if tally.runs.len() > MOST_RUNS {
            writeln!(out, "  and {} more runs", tally.runs.len() - MOST_RUNS)?;
        }
        if tally.inputs > 0 {
            let (inputs, labels) = (tally.inputs, tally.labels);
            writeln!(
                out,
                "  as in the data: {}, {}",
                counted(inputs, "input"),
                counted(labels, "label")
            )?;
        }
        if tally.trusted > 0 {
            let remedy = if self.data { "the data has none" } else { "--data compares them" };
            writeln!(out, "  taken on trust: {}; {remedy}", counted(tally.trusted, "label"))?;
        }
        if tally.named > 0 {
            let named = counted(tally.named, "name");
            writeln!(out, "  taken on trust: {named} of classes; --replay compares them")?;
        }
        if tally.equal + tally.consistent > 0 {
            write!(out, "  votes drawn again: {} equal", tally.equal)?;
            if tally.consistent > 0 {
                let [differing, draws] = tally.differing;
                let consistent = tally.consistent;
                write!(
                    out,
                    ", {consistent} consistent (other device), with {differing} of {draws} votes differing"
                )?;
            }
            writeln!(out)?;
            if let Some((count, Rejection { field, .. })) = &tally.reconfigured {
                writeln!(
                    out,
                    "  of {count} records a model is configured otherwise here ({field}): that may be another device"
                )?;
            }
        } else if accepted > 0 {
            writeln!(out, "  taken on trust: the votes themselves; --replay draws them again")?;
        }
        Ok(())
    }

    /// Fails if a record was rejected, or a file is put together.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Self { records, rejected, files, assembled, .. } = self;
        let mut problems = Vec::new();
        if rejected > 0 {
            problems.push(format!("{rejected} of {records} records are rejected"));
        }
        if assembled > 0 && !self.mixed {
            let which = match files {
                1 => "the file is".to_owned(),
                files => format!("of {files} files {assembled} are"),
            };
            problems.push(format!(
                "{which} put together from several runs: alpha holds for one run, so verify each by itself (--mixed accepts and lists them)"
            ));
        }
        if problems.is_empty() {
            return Ok(());
        }
        bail!("{}", problems.join("; "))
    }
}

/// A file's name, whatever is in it.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}
