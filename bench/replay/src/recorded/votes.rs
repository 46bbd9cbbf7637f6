//! Recorded votes: a header line, then one line for each input.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::Path;

use anyhow::Context as _;
use drs_core::pool::{Phase, Pool, Role, Stage};
use drs_core::source::VoteSource;
use drs_core::votes::VoteCounts;
use serde::{Deserialize, Serialize};

use crate::looks::looks;

/// The first line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) pool: Pool,
    pub(super) seed: u64,
    pub(super) n0: u64,
    pub(super) n: u64,
}

impl Header {
    /// The looks up to which votes of a phase are recorded: those of every usual question.
    pub(super) fn looks(&self, phase: Phase) -> Vec<u64> {
        looks(phase, self.n0, self.n)
    }

    /// All stages that a certificate may draw from.
    pub(super) fn stages(&self) -> impl Iterator<Item = Stage> {
        let router = self.pool.router.iter().map(|_| Role::Router);
        let roles = router.chain((0..self.pool.experts.len()).map(Role::Expert));
        roles.flat_map(|role| {
            [Phase::Selection, Phase::Estimation].map(|phase| Stage { role, phase })
        })
    }
}

/// One input's votes by stage, up to each look.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) idx: usize,
    pub(super) label: usize,
    pub(super) votes: BTreeMap<String, Vec<VoteCounts>>,
}

/// Reads a recording. A line that was cut short is left out, with all after it.
pub(super) fn read(path: &Path) -> anyhow::Result<(Header, Vec<Row>)> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = BufReader::new(file).lines();
    let header = lines.next().with_context(|| format!("{} is empty", path.display()))??;
    let header = serde_json::from_str(&header).context("the header")?;
    let rows = lines.map_while(|line| serde_json::from_str(&line.ok()?).ok()).collect();
    Ok((header, rows))
}

/// A row as a source of votes.
pub(super) struct Recorded<'a> {
    pub(super) pool: &'a Pool,
    pub(super) row: &'a Row,
}

/// Votes that were not recorded.
#[derive(Debug, thiserror::Error)]
#[error("draws {draws:?} of {stage} are not recorded")]
pub(super) struct NotRecorded {
    stage: String,
    draws: Range<u64>,
}

impl VoteSource for Recorded<'_> {
    type Error = NotRecorded;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, NotRecorded> {
        let address = self.pool.address(stage);
        let looks = self.row.votes.get(&address).map_or(&[][..], Vec::as_slice);
        let upto = |count: u64| looks.iter().find(|votes| votes.total() == count);
        let counts = match (draws.start, upto(draws.start), upto(draws.end)) {
            (0, _, Some(end)) => Some(end.counts().to_vec()),
            (_, Some(start), Some(end)) => {
                Some(end.counts().iter().zip(start.counts()).map(|(a, b)| a - b).collect())
            }
            _ => None,
        };
        let votes = counts.and_then(|counts| VoteCounts::new(counts).ok());
        votes.ok_or(NotRecorded { stage: address, draws })
    }
}
