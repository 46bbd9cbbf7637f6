//! Lines of `--json`.

use std::io::Write as _;
use std::path::Path;

use drs_core::certificate::Verdict;
use drs_core::verify::{Agreement, Rejection};
use drs_router::Replayed;
use serde::Serialize;

use super::tally::{Status, Tally};
use super::{Checked, Passed};

/// A record's.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    file: &'a Path,
    line: u64,
    /// The index or the image; absent where the line is no record.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    status: Status,
    #[serde(flatten)]
    rejection: Option<Reason>,
    #[serde(flatten)]
    differing: Option<Differing<'a>>,
    /// A model that is configured otherwise here, with votes that agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<Reason>,
}

#[derive(Serialize)]
struct Reason {
    field: String,
    found: String,
    expected: String,
}

impl From<Rejection> for Reason {
    fn from(Rejection { field, found, expected }: Rejection) -> Self {
        Self { field, found, expected }
    }
}

#[derive(Serialize)]
struct Differing<'a> {
    differing: u64,
    draws: u64,
    /// What the models certify here.
    #[serde(skip_serializing_if = "Option::is_none")]
    here: Option<&'a Verdict>,
}

/// That of a file of several runs.
#[derive(Serialize)]
struct Mixture<'a> {
    file: &'a Path,
    status: &'static str,
    runs: Vec<MixedRun>,
}

#[derive(Serialize)]
struct MixedRun {
    /// Of its first record.
    line: u64,
    records: usize,
    /// Where it is not as the first run.
    #[serde(flatten)]
    difference: Option<Reason>,
}

impl<'a> Row<'a> {
    pub(super) fn of(file: &'a Path, checked: &'a Checked) -> Self {
        let Checked { line, entry, outcome } = checked;
        let (mut rejection, mut differing, mut configuration) = (None, None, None);
        match outcome {
            Err(told) => rejection = Some(told.clone().into()),
            Ok(Passed {
                replay: Some(Replayed { agreement, here, configuration: other }), ..
            }) => {
                if let Agreement::Consistent { differing: d, draws } = *agreement {
                    differing = Some(Differing { differing: d, draws, here: here.as_ref() });
                }
                configuration = other.clone().map(Reason::from);
            }
            Ok(_) => {}
        }
        let input = entry.as_ref().map(|entry| entry.input());
        let status = Status::of(outcome);
        Self { file, line: *line, input, status, rejection, differing, configuration }
    }
}

/// Tells of a file of several runs.
pub(super) fn mixture(file: &Path, tally: &Tally) -> anyhow::Result<()> {
    if !tally.runs.mixed() {
        return Ok(());
    }
    let runs = tally.runs.parts().map(|(part, told)| MixedRun {
        line: part.line,
        records: part.records,
        difference: told.map(Reason::from),
    });
    let row = Mixture { file, status: "mixed", runs: runs.collect() };
    let mut out = std::io::stdout().lock();
    Ok(writeln!(out, "{}", serde_json::to_string(&row)?)?)
}
