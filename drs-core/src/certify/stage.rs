//! One stage of a certificate: its votes so far, the bounds that they support,
//! and the bounds that further draws could support.

use std::collections::HashMap;

use super::CertifyError;
use super::session::{Result, Session};
use crate::bounds::{BoundError, lower, quantile_upper, upper};
use crate::certificate::{BoundRecord, StageRecord};
use crate::design::{Design, Look};
use crate::pool::{Phase, Role};
use crate::protocol::ProtocolError;
use crate::rule::Claim;
use crate::selection::Selection;
use crate::source::VoteSource;
use crate::units::{Alpha, Sigma};
use crate::votes::VoteCounts;

/// What is bounded, and which level each bound may spend over all looks.
#[derive(Debug, Clone)]
pub(super) struct Aims {
    /// Lower bounds on the probability that the vote is one of these options.
    pub(super) lower: Vec<(Vec<usize>, Alpha)>,
    /// For each option the level of its upper bound; `None` is not bounded.
    pub(super) upper: Vec<Option<Alpha>>,
}

/// Bounds on probabilities, one for each aim.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) lower: Vec<f64>,
    /// 1 where not bounded.
    pub(super) upper: Vec<f64>,
}

impl Bounds {
    fn none(aims: &Aims) -> Self {
        Self { lower: vec![0.0; aims.lower.len()], upper: vec![1.0; aims.upper.len()] }
    }

    /// Of each bound the better one.
    fn tighten(&mut self, other: &Self) {
        let better = |own: &mut [f64], other: &[f64], pick: fn(f64, f64) -> f64| {
            own.iter_mut().zip(other).for_each(|(own, other)| *own = pick(*own, *other));
        };
        better(&mut self.lower, &other.lower, f64::max);
        better(&mut self.upper, &other.upper, f64::min);
    }

    /// The largest upper bound on an option other than `class`.
    pub(super) fn others_upper(&self, class: usize) -> f64 {
        let others = self.upper.iter().enumerate().filter(|&(other, _)| other != class);
        others.map(|(_, &upper)| upper).fold(0.0, f64::max)
    }

    /// The claim on `class` that the first lower bound and the upper bounds make.
    pub(super) fn claim(&self, sigma: Sigma, class: usize) -> Claim {
        Claim::new(sigma, class, self.lower[0], &self.upper)
    }

    /// Bounds at one look, from counts for the lower and for the upper bounds.
    fn at(
        aims: &Aims,
        look: &Look,
        of: impl Fn(&[usize]) -> u64,
        above: impl Fn(usize) -> u64,
    ) -> std::result::Result<Self, StageError> {
        let lower = aims.lower.iter().map(|(options, alpha)| {
            Ok(lower(of(options), look.draws, look.level(*alpha).map_err(ProtocolError::Alpha)?)?)
        });
        let lower = lower.collect::<std::result::Result<_, StageError>>()?;
        // Most options share a count (none), and each bound costs microseconds.
        let mut known: HashMap<(u64, u64), f64> = HashMap::new();
        let upper = aims.upper.iter().enumerate().map(|(option, alpha)| {
            let Some(alpha) = alpha else { return Ok(1.0) };
            let key = (above(option), alpha.get().to_bits());
            if let Some(&bound) = known.get(&key) {
                return Ok(bound);
            }
            let level = look.level(*alpha).map_err(ProtocolError::Alpha)?;
            let bound = upper(key.0, look.draws, level)?;
            known.insert(key, bound);
            Ok(bound)
        });
        let upper = upper.collect::<std::result::Result<_, StageError>>()?;
        Ok(Self { lower, upper })
    }
}

/// Why bounds could not be given.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageError {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Bound(#[from] BoundError),
}

impl<E: std::error::Error + 'static> From<StageError> for CertifyError<E> {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Protocol(error) => error.into(),
            StageError::Bound(error) => error.into(),
        }
    }
}

/// How a stage's bounds are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// As the votes so far support them.
    Now,
    /// As they may become with all draws that are left, at best.
    Reach,
}

/// What a stage is for in its method.
pub(super) trait Purpose {
    /// What to bound once the selection votes are known; before that, what to
    /// bound if they turn out well. `None` leaves the stage out.
    fn aims(&self, selection: Option<&VoteCounts>) -> Option<Aims>;

    /// Whether the order of all options matters, beyond which of them is first.
    fn is_of_the_order(&self) -> bool {
        false
    }

    /// The record of the bounds that were aimed at.
    fn records(
        &self,
        selection: &VoteCounts,
        bounds: &Bounds,
        model: &str,
        name: &dyn Fn(usize) -> String,
    ) -> Vec<BoundRecord>;
}

/// One model's part in a certificate.
pub(super) struct Stage<'a> {
    pub(super) role: Role,
    purpose: Box<dyn Purpose + 'a>,
    /// Selection votes up to each look taken; none before they are drawn.
    selection: Vec<VoteCounts>,
    /// Estimation votes up to each look taken.
    looks: Vec<VoteCounts>,
    /// `None` for a stage that is out.
    bounds: Option<[Bounds; 2]>,
}

impl<'a> Stage<'a> {
    pub(super) fn new<S: VoteSource>(
        session: &Session<'_, S>,
        role: Role,
        purpose: impl Purpose + 'a,
    ) -> Result<Self, S> {
        Self::begin(session, role, purpose, Vec::new())
    }

    /// A stage whose selection is drawn.
    pub(super) fn with_selection<S: VoteSource>(
        session: &Session<'_, S>,
        role: Role,
        purpose: impl Purpose + 'a,
        selection: Vec<VoteCounts>,
    ) -> Result<Self, S> {
        Self::begin(session, role, purpose, selection)
    }

    fn begin<S: VoteSource>(
        session: &Session<'_, S>,
        role: Role,
        purpose: impl Purpose + 'a,
        selection: Vec<VoteCounts>,
    ) -> Result<Self, S> {
        let mut stage =
            Self { role, purpose: Box::new(purpose), selection, looks: Vec::new(), bounds: None };
        stage.update(session)?;
        Ok(stage)
    }

    /// The bounds, unless the stage is out.
    pub(super) fn bounds(&self, view: View) -> Option<&Bounds> {
        self.bounds.as_ref().map(|[now, reach]| match view {
            View::Now => now,
            View::Reach => reach,
        })
    }

    /// The selection votes, if they are drawn.
    pub(super) fn selection(&self) -> Option<&VoteCounts> {
        self.selection.last()
    }

    /// Whether anything is drawn.
    pub(super) fn has_votes(&self) -> bool {
        !self.selection.is_empty()
    }

    /// The selected class, or expert, if it is drawn.
    pub(super) fn selected(&self) -> Option<usize> {
        self.selection().map(VoteCounts::top)
    }

    /// Whether there is anything left to draw.
    pub(super) fn unfinished(&self, design: &Design) -> bool {
        self.bounds.is_some() && self.looks.len() < design.looks().len()
    }

    /// Draws the selection votes, or those up to the next look.
    pub(super) fn advance<S: VoteSource>(&mut self, session: &mut Session<'_, S>) -> Result<(), S> {
        if self.selection.is_empty() {
            let usual = session.protocol.sampling.selection();
            let selection = if self.purpose.is_of_the_order() { Selection::All } else { usual };
            self.selection = session.select(self.role, selection)?;
        } else if let Some(look) = session.design.looks().get(self.looks.len()) {
            let before = self.looks.last().map_or(0, VoteCounts::total);
            let mut votes = session.draw(self.role, Phase::Estimation, before..look.draws)?;
            if let Some(earlier) = self.looks.last() {
                votes.add(earlier);
            }
            self.looks.push(votes);
        }
        self.update(session)
    }

    fn update<S: VoteSource>(&mut self, session: &Session<'_, S>) -> Result<(), S> {
        let Some(aims) = self.purpose.aims(self.selection()) else {
            self.bounds = None;
            return Ok(());
        };
        let mut now = match self.bounds.take() {
            Some([now, _]) if !self.looks.is_empty() => now,
            _ => Bounds::none(&aims),
        };
        let design = &session.design;
        if let Some((votes, look)) = self.looks.iter().zip(design.looks()).next_back() {
            let of = |options: &[usize]| options.iter().map(|&option| votes.of(option)).sum();
            now.tighten(&Bounds::at(&aims, look, of, |option| votes.of(option))?);
        }
        let mut reach = now.clone();
        if self.looks.len() < design.looks().len() {
            reach.tighten(&self.forecast(&aims, design, session.protocol.sampling.futility())?);
        }
        self.bounds = Some([now, reach]);
        Ok(())
    }

    /// The bounds of the last look if the draws that are left go well.
    fn forecast(
        &self,
        aims: &Aims,
        design: &Design,
        futility: f64,
    ) -> std::result::Result<Bounds, StageError> {
        let Some(last) = design.looks().last() else { return Ok(Bounds::none(aims)) };
        let votes = self.looks.last();
        let left = last.draws - votes.map_or(0, VoteCounts::total);
        let seen = |options: &[usize]| {
            let of = |votes: &VoteCounts| options.iter().map(|&option| votes.of(option)).sum();
            (votes.map_or(0, of), self.selection().map_or(0, of))
        };
        let trials = last.draws - left + self.selection().map_or(0, VoteCounts::total);
        let luck = Luck { trials, left, futility };
        let most = |options: &[usize]| {
            let (estimated, selected) = seen(options);
            estimated + luck.most(estimated + selected)
        };
        let fewest = |option: usize| {
            let (estimated, selected) = seen(&[option]);
            estimated + luck.fewest(estimated + selected)
        };
        Bounds::at(aims, last, most, fewest)
    }

    /// What the record keeps of this stage's bounds; `name` names an option.
    pub(super) fn bound_records(
        &self,
        model: &str,
        name: impl Fn(usize) -> String,
    ) -> Vec<BoundRecord> {
        match (self.selection(), self.bounds(View::Now)) {
            (Some(selection), Some(bounds)) if !self.looks.is_empty() => {
                self.purpose.records(selection, bounds, model, &name)
            }
            _ => Vec::new(),
        }
    }

    /// What the record keeps of this stage's votes.
    pub(super) fn records(self, model: &str) -> Vec<StageRecord> {
        let record = |phase, looks: Vec<VoteCounts>| {
            (!looks.is_empty()).then(|| StageRecord { model: model.to_owned(), phase, looks })
        };
        [record(Phase::Selection, self.selection), record(Phase::Estimation, self.looks)]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// How many of the draws that are left may be successes, judging by those made.
struct Luck {
    /// Draws made, those of the selection among them.
    trials: u64,
    /// Draws that are left.
    left: u64,
    /// Probability of a number beyond what is forecast; 0 for the extremes.
    futility: f64,
}

impl Luck {
    /// Mean and standard deviation of the successes among the draws that are
    /// left: the uncertainty of the rate and that of the draws together.
    fn outlook(&self, successes: u64) -> Option<(f64, f64)> {
        if self.trials == 0 || self.futility <= 0.0 {
            return None;
        }
        let (trials, left) = (self.trials as f64, self.left as f64);
        let rate = (successes as f64 + 0.5) / (trials + 1.0);
        let deviation = (left * rate * (1.0 - rate) * (1.0 + left / trials)).sqrt();
        Some((left * rate, deviation * quantile_upper(1.0 - self.futility)))
    }

    fn most(&self, successes: u64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to left")]
        self.outlook(successes).map_or(self.left, |(mean, spread)| {
            (mean + spread).ceil().clamp(0.0, self.left as f64) as u64
        })
    }

    fn fewest(&self, successes: u64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to left")]
        self.outlook(successes)
            .map_or(0, |(mean, spread)| (mean - spread).floor().clamp(0.0, self.left as f64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_futility_every_draw_left_may_go_well() {
        let luck = Luck { trials: 100, left: 900, futility: 0.0 };
        assert_eq!((luck.most(10), luck.fewest(90)), (900, 0));
        let unseen = Luck { trials: 0, left: 900, futility: 0.01 };
        assert_eq!((unseen.most(0), unseen.fewest(0)), (900, 0));
    }

    #[test]
    fn a_forecast_lies_two_and_a_third_deviations_out() {
        let luck = Luck { trials: 1000, left: 1000, futility: 0.01 };
        // Rate 0.5, deviation √(1000·¼·2) = 22.4, quantile 2.326.
        assert_eq!((luck.most(500), luck.fewest(500)), (553, 447));
        assert_eq!((luck.most(1000), luck.fewest(0)), (1000, 0));
    }
}
