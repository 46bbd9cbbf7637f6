//! What is told of the records: rejections, a summary, or JSON.

use std::collections::{BTreeMap, HashSet};
use std::io::Write as _;
use std::path::Path;

use anyhow::bail;
use drs_core::certificate::{Certificate, Verdict};
use drs_core::noise::Seed;
use drs_core::sampling::Sampling;
use drs_core::verify::{Agreement, Rejection};
use drs_router::Replay;
use serde::Serialize;

use super::Checked;

/// All files together, and the one at hand.
pub(super) struct Report {
    json: bool,
    all: Tally,
    file: Tally,
}

#[derive(Default)]
struct Tally {
    records: usize,
    rejected: usize,
    equal: usize,
    consistent: usize,
    /// Of the consistent ones: votes that differ, and of how many.
    differing: [u64; 2],
    /// How many records there are of each kind that were accepted.
    kinds: BTreeMap<String, usize>,
    seeds: HashSet<[u8; 32]>,
}

/// A line of `--json`.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a Path,
    line: u64,
    /// The index or the image; absent where the line is no record.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    status: Status,
    #[serde(flatten)]
    rejection: Option<Reason<'a>>,
    #[serde(flatten)]
    differing: Option<Differing<'a>>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Everything follows; nothing was drawn again.
    Verified,
    /// And every vote came out the same.
    Equal,
    /// And the votes came out as another device would have them.
    Consistent,
    Rejected,
}

#[derive(Serialize)]
struct Reason<'a> {
    field: &'a str,
    found: &'a str,
    expected: &'a str,
}

#[derive(Serialize)]
struct Differing<'a> {
    differing: u64,
    draws: u64,
    /// What the models certify here.
    #[serde(skip_serializing_if = "Option::is_none")]
    here: Option<&'a Verdict>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, all: Tally::default(), file: Tally::default() }
    }

    /// Tells of a line that is rejected, or with `--json` of any.
    pub(super) fn add(&mut self, path: &Path, checked: &Checked) -> anyhow::Result<()> {
        let Checked { line, entry, outcome } = checked;
        let certificate = entry.as_ref().map(|entry| entry.certificate());
        let status = status(outcome);
        for tally in [&mut self.all, &mut self.file] {
            tally.add(status, outcome, certificate);
        }
        let mut out = std::io::stdout().lock();
        if self.json {
            let input = entry.as_ref().map(|entry| entry.input());
            let (mut rejection, mut differing) = (None, None);
            match outcome {
                Err(Rejection { field, found, expected }) => {
                    rejection = Some(Reason { field, found, expected });
                }
                Ok(Some(Replay {
                    agreement: Agreement::Consistent { differing: d, draws },
                    here,
                })) => {
                    differing =
                        Some(Differing { differing: *d, draws: *draws, here: here.as_ref() });
                }
                Ok(_) => {}
            }
            let row = Row { file: path, line: *line, input, status, rejection, differing };
            writeln!(out, "{}", serde_json::to_string(&row)?)?;
        } else if let Err(rejection) = outcome {
            writeln!(out, "{}:{line}: {rejection}", path.display())?;
        }
        Ok(())
    }

    /// Sums a file up.
    pub(super) fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let tally = std::mem::take(&mut self.file);
        if self.json {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        let accepted = tally.records - tally.rejected;
        let (path, records) = (path.display(), tally.records);
        writeln!(out, "{path}: {accepted} of {records} records follow from their votes")?;
        for (kind, count) in &tally.kinds {
            writeln!(out, "  {count} x {kind}")?;
        }
        if accepted > 0 {
            writeln!(out, "  seeds: {}", tally.seeds.len())?;
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
        } else if accepted > 0 {
            writeln!(out, "  the votes themselves are taken on trust: --replay draws them again")?;
        }
        Ok(())
    }

    /// Fails if a record was rejected.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Tally { records, rejected, .. } = self.all;
        if rejected > 0 {
            bail!("{rejected} of {records} records are rejected");
        }
        Ok(())
    }
}

impl Tally {
    fn add(
        &mut self,
        status: Status,
        outcome: &Result<Option<Replay>, Rejection>,
        certificate: Option<&Certificate>,
    ) {
        self.records += 1;
        if status == Status::Rejected {
            self.rejected += 1;
            return;
        }
        self.equal += usize::from(status == Status::Equal);
        if let Ok(Some(Replay { agreement: Agreement::Consistent { differing, draws }, .. })) =
            outcome
        {
            self.consistent += 1;
            self.differing[0] += differing;
            self.differing[1] += draws;
        }
        if let Some(certificate) = certificate {
            *self.kinds.entry(kind(certificate)).or_default() += 1;
            let seed = certificate.provenance.as_ref().map(|provenance| provenance.seed);
            self.seeds.extend(seed.map(|seed: Seed| seed.bytes()));
        }
    }
}

fn status(outcome: &Result<Option<Replay>, Rejection>) -> Status {
    match outcome {
        Err(_) => Status::Rejected,
        Ok(None) => Status::Verified,
        Ok(Some(Replay { agreement: Agreement::Equal, .. })) => Status::Equal,
        Ok(Some(Replay { agreement: Agreement::Consistent { .. }, .. })) => Status::Consistent,
    }
}

/// What was asked for, as far as readers should know: α above all.
fn kind(certificate: &Certificate) -> String {
    let protocol = &certificate.protocol;
    let sampling = match protocol.sampling {
        Sampling::Fixed => "fixed",
        Sampling::Sequential(_) => "sequential",
    };
    let (n0, n, alpha) = (protocol.n0, protocol.n, protocol.alpha.get());
    format!("{}, n0 = {n0}, n = {n}, {sampling}, alpha = {alpha}", certificate.method)
}
