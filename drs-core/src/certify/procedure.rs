//! How every method draws: votes go to the stage that binds, while they can
//! still matter to the question.
//!
//! A method says what its stages' bounds add up to ([`Procedure::judge`]); that
//! is non-decreasing as bounds tighten. Judged on the bounds so far it gives
//! the radius certified; judged on the bounds that further draws could support,
//! the radius within reach. Judged with one stage's bounds of the one kind and
//! all others of the other kind it tells which stage's draws can matter.

use super::CertifyError;
use super::session::{Result, Session};
use super::stage::{Bounds, Stage, View};
use crate::certificate::{StageRecord, Verdict};
use crate::source::VoteSource;

/// What a method makes of its stages' bounds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    pub(super) class: usize,
    /// At most zero, or −∞, abstains.
    pub(super) radius: f64,
    pub(super) expert: Option<usize>,
    pub(super) set: Vec<usize>,
    /// Within this distance the route holds; `None` or +∞ if nothing depends on it.
    pub(super) route: Option<f64>,
    /// Within this distance the set's experts hold the class.
    pub(super) class_radius: f64,
}

impl Judgement {
    /// Nothing is certified, by nobody.
    pub(super) fn abstain(route: Option<f64>) -> Self {
        let nothing = f64::NEG_INFINITY;
        let (expert, set) = (None, Vec::new());
        Self { class: 0, radius: nothing, expert, set, route, class_radius: nothing }
    }
}

/// A method, once its first selection draws are made.
pub(super) trait Procedure {
    fn judge(&self, evidence: &Evidence<'_, '_>) -> Judgement;
}

/// The stages' bounds as a procedure is to see them.
pub(super) struct Evidence<'s, 'a> {
    stages: &'s [Stage<'a>],
    view: View,
    /// A stage that is seen in the other way.
    except: Option<usize>,
}

impl<'s, 'a> Evidence<'s, 'a> {
    /// The bounds of a stage; `None` if it is out.
    pub(super) fn bounds(&self, stage: usize) -> Option<&'s Bounds> {
        let other = match self.view {
            View::Now => View::Reach,
            View::Reach => View::Now,
        };
        let view = if self.except == Some(stage) { other } else { self.view };
        self.stages.get(stage)?.bounds(view)
    }

    pub(super) fn stages(&self) -> &'s [Stage<'a>] {
        self.stages
    }
}

/// Draws until the question is answered, and writes down what came of it.
///
/// If the time is up before, the answer is what the votes so far certify. It holds at the same level:
/// α is shared among all looks in advance, so with probability 1 − α the bounds of every look hold
/// together, those that were taken whatever ended them (union bound; method of the `design`).
pub(super) fn run<S: VoteSource>(
    session: &mut Session<'_, S>,
    mut stages: Vec<Stage<'_>>,
    procedure: &impl Procedure,
) -> Result<(Verdict, Vec<StageRecord>), S> {
    while let Some(next) = next(session, &stages, procedure) {
        // A stage that fails is as it was before.
        match stages[next].advance(session) {
            Ok(()) => session.judged(&verdict(procedure, &stages)),
            // Without any vote there is nothing to make an answer of.
            Err(CertifyError::Votes(error))
                if stages.iter().any(Stage::has_votes) && session.is_time_up(&error) =>
            {
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let verdict = verdict(procedure, &stages);
    let mut records = Vec::new();
    for stage in stages {
        let model = session.label(stage.role);
        let bounds = stage.bound_records(&model, |expert| session.label_of(expert));
        bounds.into_iter().for_each(|bound| session.record(bound));
        records.extend(stage.records(&model));
    }
    Ok((verdict, records))
}

/// What the votes so far certify.
fn verdict(procedure: &impl Procedure, stages: &[Stage<'_>]) -> Verdict {
    let judged = procedure.judge(&Evidence { stages, view: View::Now, except: None });
    let Judgement { class, radius, expert, set, route, class_radius } = judged;
    Verdict::new(class, radius, expert, set, route, class_radius)
}

/// The stage to draw from next; `None` once no draws matter.
///
/// First a stage whose draws can matter by themselves, the most promising one:
/// that is the one that binds. Else one without which the rest would come to
/// nothing; else, of those that could each do, the first.
fn next<S: VoteSource>(
    session: &Session<'_, S>,
    stages: &[Stage<'_>],
    procedure: &impl Procedure,
) -> Option<usize> {
    let radius = |view, except| procedure.judge(&Evidence { stages, view, except }).radius;
    let open = |now, reach| session.protocol.sampling.open(now, reach);
    let (now, reach) = (radius(View::Now, None), radius(View::Reach, None));
    if !open(now, reach) {
        return None;
    }
    let mut best: Option<(usize, (bool, bool, f64))> = None;
    for index in (0..stages.len()).filter(|&i| stages[i].unfinished(&session.design)) {
        let alone = radius(View::Now, Some(index));
        let without = radius(View::Reach, Some(index));
        let worth = (open(now, alone), open(now.max(without), reach), alone);
        if best.is_none_or(|(_, most)| worth > most) {
            best = Some((index, worth));
        }
    }
    best.map(|(index, _)| index)
}
