//! A vote source that knows what a record holds, and nothing else.

use std::ops::Range;

use super::Rejection;
use crate::certificate::StageRecord;
use crate::pool::{Phase, Pool, Role, Stage, VoteSource};
use crate::votes::VoteCounts;

/// Answers from the stages of a record.
pub(super) struct Recorded<'a> {
    pool: &'a Pool,
    stages: &'a [StageRecord],
}

/// Votes that were asked for and are not in the record.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct Unrecorded(#[from] pub(super) Rejection);

impl<'a> Recorded<'a> {
    pub(super) fn new(pool: &'a Pool, stages: &'a [StageRecord]) -> Self {
        Self { pool, stages }
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
            return Err(Rejection::new("stages", "no such entry", expected).into());
        };
        let looks = &self.stages[place].looks;
        let field = format!("stages[{place}].looks");
        let at = |end: u64| {
            looks.iter().position(|look| look.total() == end).ok_or_else(|| {
                let totals: Vec<u64> = looks.iter().map(VoteCounts::total).collect();
                Rejection::new(&field, format!("{totals:?} votes"), format!("a look at {end}"))
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
            Rejection::new(format!("{field}[{end}]"), found, expected)
        };
        Ok(looks[end].since(&looks[start]).ok_or_else(falls)?)
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
