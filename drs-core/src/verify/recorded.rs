//! A vote source that knows what a record holds, and nothing else.

use std::ops::Range;

use super::Rejection;
use crate::certificate::{Certificate, StageRecord};
use crate::pool::{Phase, Pool, Role, Stage};
use crate::source::VoteSource;
use crate::votes::VoteCounts;

/// Answers from the stages of a record.
pub(super) struct Recorded<'a> {
    pool: &'a Pool,
    stages: &'a [StageRecord],
    /// Whether the record says that the time was up.
    cut: bool,
}

/// Votes that were asked for and do not follow from the record.
#[derive(Debug, thiserror::Error)]
#[error("{rejection}")]
pub(super) struct Unrecorded {
    pub(super) rejection: Rejection,
    /// Whether they are not in the record at all: where one was cut, that is where.
    is_missing: bool,
}

impl Unrecorded {
    fn missing(rejection: Rejection) -> Self {
        Self { rejection, is_missing: true }
    }
}

impl<'a> Recorded<'a> {
    pub(super) fn new(pool: &'a Pool, certificate: &'a Certificate) -> Self {
        Self { pool, stages: &certificate.stages, cut: certificate.cut }
    }

    fn model(&self, role: Role) -> &str {
        match (role, self.pool.model(role)) {
            (Role::Router, _) | (_, None) => "router",
            (Role::Expert(_), Some(model)) => &model.name,
        }
    }
}

impl VoteSource for Recorded<'_> {
    type Error = Unrecorded;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, Unrecorded> {
        let model = self.model(stage.role);
        // A second entry of the same stage is never asked: then the record holds more than follows.
        let wanted = |entry: &&StageRecord| entry.model == model && entry.phase == stage.phase;
        let Some(place) = self.stages.iter().position(|entry| wanted(&entry)) else {
            let expected = format!("the {} votes of {model}", name(stage.phase));
            return Err(Unrecorded::missing(Rejection::new("stages", "no such entry", expected)));
        };
        let looks = &self.stages[place].looks;
        let field = format!("stages[{place}].looks");
        let at = |end: u64| {
            looks.iter().position(|look| look.total() == end).ok_or_else(|| {
                let totals: Vec<u64> = looks.iter().map(VoteCounts::total).collect();
                let expected = format!("a look at {end}");
                Unrecorded::missing(Rejection::new(&field, format!("{totals:?} votes"), expected))
            })
        };
        let end = at(draws.end)?;
        if draws.start == 0 {
            return Ok(looks[end].clone());
        }
        let start = at(draws.start)?;
        let falls = || {
            let found = format!("{:?}", looks[end].counts());
            let expected = format!("counts that have grown from {:?}", looks[start].counts());
            let rejection = Rejection::new(format!("{field}[{end}]"), found, expected);
            Unrecorded { rejection, is_missing: false }
        };
        looks[end].since(&looks[start]).ok_or_else(falls)
    }

    fn is_time_up(&self, error: &Unrecorded) -> bool {
        self.cut && error.is_missing
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Selection => "selection",
        Phase::Estimation => "estimation",
        Phase::Prediction => "prediction",
        Phase::Labelling => "label",
    }
}
