//! Multiscale (Jeong & Shin 2023): from the largest σ down, the first scale
//! that reaches ½ answers.
//!
//! Published with an asymptotic interval and α/(k + 1) at stage k; here every
//! bound is Clopper–Pearson and α is split over the scales in advance.

use super::Outcome;
use super::procedure::{Evidence, Judgement, Procedure, run};
use super::session::{Result, Session};
use super::stage::{Aims, Bounds, Purpose, Stage};
use crate::certificate::BoundRecord;
use crate::pool::{Pool, Role};
use crate::protocol::ProtocolError;
use crate::rule::{multiscale, signed_radius_lower, signed_radius_upper};
use crate::source::VoteSource;
use crate::units::{Alpha, Sigma};
use crate::votes::VoteCounts;

/// One scale: it answers if its class is above ½, and passes if every class is below.
struct Scale {
    claim: Alpha,
    /// Levels for the selected class and for each other one. The last scale has
    /// nothing to pass to and spends all on its claim.
    pass: Option<(Alpha, Alpha)>,
    classes: usize,
}

/// The scales, largest σ first, one stage each.
struct Multiscale {
    scales: Vec<(usize, Sigma)>,
}

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Outcome, S> {
    let classes = session.pool.classes;
    let scales = scales(session.pool);
    let alphas = session.shares(session.alpha, session.split().next_scale, scales.len())?;
    let mut stages = Vec::with_capacity(scales.len());
    for (place, (&(expert, _), &alpha)) in scales.iter().zip(&alphas).enumerate() {
        let last = place + 1 == scales.len();
        let scale = Scale::new(alpha, classes, last).map_err(ProtocolError::Alpha)?;
        stages.push(Stage::new(session, Role::Expert(expert), scale)?);
    }
    run(session, stages, &Multiscale { scales })
}

/// The experts, largest σ first.
pub(super) fn scales(pool: &Pool) -> Vec<(usize, Sigma)> {
    let experts = pool.experts.iter().enumerate();
    let mut scales: Vec<(usize, Sigma)> = experts.map(|(i, expert)| (i, expert.sigma)).collect();
    scales.sort_by(|(_, a), (_, b)| b.get().total_cmp(&a.get()));
    scales
}

impl Scale {
    fn new(
        alpha: Alpha,
        classes: usize,
        last: bool,
    ) -> std::result::Result<Self, crate::units::UnitError> {
        if last {
            return Ok(Self { claim: alpha, pass: None, classes });
        }
        let half = alpha.share(0.5)?;
        let own = half.share(0.5)?;
        let each = own.share(1.0 / (classes - 1) as f64 * (1.0 - 1e-12))?;
        Ok(Self { claim: half, pass: Some((own, each)), classes })
    }
}

impl Purpose for Scale {
    fn aims(&self, selection: Option<&VoteCounts>) -> Option<Aims> {
        let class = selection.map_or(0, VoteCounts::top);
        let upper = |z| self.pass.map(|(own, each)| if z == class { own } else { each });
        Some(Aims {
            lower: vec![(vec![class], self.claim)],
            upper: (0..self.classes).map(upper).collect(),
        })
    }

    fn records(
        &self,
        selection: &VoteCounts,
        bounds: &Bounds,
        model: &str,
        _: &dyn Fn(usize) -> String,
    ) -> Vec<BoundRecord> {
        let (model, class) = (model.to_owned(), selection.top());
        match self.pass {
            Some((alpha, others_alpha)) if bounds.lower[0] <= 0.5 => {
                let (upper, others_upper) = (bounds.upper[class], bounds.others_upper(class));
                vec![BoundRecord::Passed { model, class, alpha, upper, others_alpha, others_upper }]
            }
            _ => vec![BoundRecord::Class {
                model,
                class,
                alpha: self.claim,
                lower: bounds.lower[0],
                others_alpha: None,
                others_upper: None,
            }],
        }
    }
}

/// The class nearest to an answer of an earlier stage. Before the selection draws any class may
/// turn out to be claimed, and this one gives the largest radius: a claim on another is
/// limited by it.
fn least_passed(passed: &[Vec<f64>]) -> usize {
    let all = passed.iter().flat_map(|stage| stage.iter().enumerate());
    all.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(class, _)| class)
}

impl Procedure for Multiscale {
    fn judge(&self, evidence: &Evidence<'_, '_>) -> Judgement {
        let mut best = Judgement::abstain(None);
        let mut passed: Vec<Vec<f64>> = Vec::new();
        for (place, &(expert, sigma)) in self.scales.iter().enumerate() {
            let Some(bounds) = evidence.bounds(place) else { break };
            if bounds.lower[0] > 0.5 {
                let lower = signed_radius_lower(sigma, bounds.lower[0]);
                let selected = evidence.stages()[place].selected();
                let class = selected.unwrap_or_else(|| least_passed(&passed));
                let radius = multiscale(&passed, class, lower);
                if radius > best.radius {
                    let (expert, set) = (Some(expert), vec![expert]);
                    best = Judgement {
                        class,
                        radius,
                        expert,
                        set,
                        class_radius: lower,
                        ..Judgement::abstain(None)
                    };
                }
            }
            let upper: Vec<f64> =
                bounds.upper.iter().map(|&p| signed_radius_upper(sigma, p)).collect();
            if upper.iter().any(|&s| s >= 0.0) {
                break;
            }
            passed.push(upper);
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_class_has_a_larger_radius_than_the_one_that_was_least_passed() {
        let passed = [vec![-0.1, -0.7, -0.4], vec![-0.2, -0.9, -0.8], vec![-0.3, -0.05, -0.6]];
        for stages in 0..=passed.len() {
            let passed = &passed[..stages];
            let best = multiscale(passed, least_passed(passed), 1.0);
            let radii = (0..3).map(|class| multiscale(passed, class, 1.0));
            assert_eq!(best, radii.fold(f64::NEG_INFINITY, f64::max));
        }
    }
}
