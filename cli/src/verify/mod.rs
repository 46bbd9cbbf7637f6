//! `drs verify`: certificates checked line by line.

mod inputs;
mod names;
mod replay;
mod report;
mod rows;
mod tally;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use drs_analysis::{Entry, check_steady};
use drs_core::verify::Rejection;
use drs_router::{Replayed, ordered};

use crate::args::VerifyArgs;
use crate::usage::wrong_usage;
use inputs::Inputs;
use names::Names;
use replay::Bench;
use report::Report;

/// What a line came to.
struct Checked {
    line: u64,
    /// `None` if the line could not be read.
    entry: Option<Entry>,
    outcome: Result<Passed, Rejection>,
}

/// What was found of a record that is accepted.
#[derive(Default)]
struct Passed {
    /// Whether its input is that of the data.
    input: bool,
    /// Whether its label is.
    label: bool,
    /// The replay if one was asked for.
    replay: Option<Replayed>,
}

/// What is wrong with the record is a rejection, what is wrong with models or data an error.
type Judged<T> = anyhow::Result<Result<T, Rejection>>;

/// What records are held against, beside themselves.
struct Against<'a> {
    inputs: Option<Inputs<'a>>,
    bench: Option<Bench>,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    let bench = Bench::open(args)?;
    let inputs = Inputs::open(&args.inputs, bench.as_ref())?;
    let against = Against { inputs, bench };
    let mut report = Report::new(args);
    for path in &args.records {
        check_steady(path)?;
        let mut text = BufReader::new(open(path)?);
        if text.fill_buf().is_ok_and(|bytes| bytes.starts_with(b"idx\t")) {
            let records = drs_analysis::beside(path, "jsonl");
            wrong_usage!(
                "{} is a table: verify the certificates beside it, {}",
                path.display(),
                records.display()
            );
        }
        check(path, text, &against, &mut report).with_context(|| path.display().to_string())?;
    }
    report.finish()
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    drs_analysis::open(path).with_context(|| format!("cannot read {}", path.display()))
}

fn check(
    path: &Path,
    text: impl BufRead + Send,
    against: &Against<'_>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let lines = (1..).zip(drs_memory::lines(text));
    let lines = lines.filter(|(_, line)| {
        line.as_ref().map_or(true, |line| !line.iter().all(u8::is_ascii_whitespace))
    });
    let work = |(line, text): (u64, std::io::Result<Vec<u8>>)| -> anyhow::Result<Checked> {
        let text = text.with_context(|| format!("line {line}"))?;
        judge(line, &text, against).with_context(|| format!("line {line}"))
    };
    let threads = match &against.bench {
        Some(bench) => bench.inputs_at_once(),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let mut first: HashMap<usize, u64> = HashMap::new();
    let mut names = Names::default();
    let mut records = 0;
    ordered(lines, threads, work, |checked| -> anyhow::Result<()> {
        let mut checked = checked?;
        records += 1;
        if let Some(Entry::Record(record)) = &checked.entry
            && let Some(earlier) = first.insert(record.idx, checked.line)
        {
            let found = format!("{} again, as in line {earlier}", record.idx);
            checked.outcome =
                checked.outcome.and(Err(Rejection::new("idx", found, "each input once")));
        }
        if let Some(Entry::Answer(answer)) = &checked.entry
            && checked.outcome.is_ok()
            && let Err(rejection) = names.fits(answer, checked.line)
        {
            checked.outcome = Err(rejection);
        }
        report.add(path, &checked)
    })?;
    if records == 0 {
        bail!("has no record: the file is empty");
    }
    report.file(path)
}

/// Judges one line. What is wrong with the record is an outcome, what is wrong with the models
/// or the data an error.
fn judge(line: u64, text: &[u8], against: &Against<'_>) -> anyhow::Result<Checked> {
    let read = std::str::from_utf8(text)
        .map_err(|_| Rejection::new("line", "bytes that are no text", "UTF-8"))
        .and_then(Entry::read);
    let entry = match read {
        Ok(entry) => entry,
        Err(rejection) => return Ok(Checked { line, entry: None, outcome: Err(rejection) }),
    };
    let outcome = match entry.verify() {
        Ok(()) => against.hold(&entry)?,
        Err(rejection) => Err(rejection),
    };
    Ok(Checked { line, entry: Some(entry), outcome })
}

impl Against<'_> {
    /// Compares a record that follows from its votes with all that is there.
    fn hold(&self, entry: &Entry) -> Judged<Passed> {
        let Some(inputs) = &self.inputs else { return Ok(Ok(Passed::default())) };
        let found = match inputs.find(entry)? {
            Ok(found) => found,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let passed = Passed { input: true, label: found.labelled, replay: None };
        let Some(bench) = &self.bench else { return Ok(Ok(passed)) };
        let replay = bench.replay(entry, found.input)?;
        Ok(replay.map(|replay| Passed { replay: Some(replay), ..passed }))
    }
}
