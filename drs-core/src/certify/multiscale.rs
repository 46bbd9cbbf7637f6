//! Multiscale (Jeong & Shin 2023): from the largest σ down, the first scale
//! that reaches ½ answers.
//!
//! Published with an asymptotic interval and α/(k + 1) at stage k; here every
//! bound is Clopper–Pearson and α is split over the scales in advance.

use super::session::{Result, Session};
use crate::bounds::lower;
use crate::certificate::{BoundRecord, Verdict};
use crate::pool::{Phase, Role, VoteSource};
use crate::protocol::ProtocolError;
use crate::rule::{ClaimLevels, multiscale, signed_radius_upper, upper_bounds};
use crate::units::Alpha;
use crate::votes::VoteCounts;

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Verdict, S> {
    let mut scales: Vec<usize> = (0..session.pool.experts.len()).collect();
    let sigma = |&expert: &usize| session.pool.experts[expert].sigma.get();
    scales.sort_by(|a, b| sigma(b).total_cmp(&sigma(a)));
    let alphas = session.shares(session.alpha, session.split().next_scale, scales.len())?;

    let nothing = f64::NEG_INFINITY;
    let mut passed = Vec::new();
    for (stage, (&expert, &alpha)) in scales.iter().zip(&alphas).enumerate() {
        let role = Role::Expert(expert);
        let class = session.draw(role, Phase::Selection)?.top();
        let votes = session.draw(role, Phase::Estimation)?;
        let last = stage + 1 == scales.len();
        // The last scale has nothing to pass to and spends all on its claim.
        let stop = if last { alpha } else { half(alpha).map_err(ProtocolError::Alpha)? };
        if lower(votes.of(class), votes.total(), stop)? > 0.5 {
            let levels = ClaimLevels { lower: stop, upper: None };
            let claim = session.claim(role, &votes, class, levels)?;
            let radius = multiscale(&passed, class, claim.lower());
            return Ok(Verdict::new(
                class,
                radius,
                Some(expert),
                vec![expert],
                None,
                claim.lower(),
            ));
        }
        if last {
            break;
        }
        match pass(session, expert, class, &votes, stop)? {
            Some(upper) => passed.push(upper),
            None => break,
        }
    }
    Ok(Verdict::new(0, nothing, None, Vec::new(), None, nothing))
}

fn half(alpha: Alpha) -> std::result::Result<Alpha, crate::units::UnitError> {
    alpha.share(0.5)
}

/// Upper bounds on every class's signed radius, if all are below zero: then no
/// class reaches ½ here. Spends `alpha`, half of it on the selected class.
fn pass<S: VoteSource>(
    session: &mut Session<'_, S>,
    expert: usize,
    class: usize,
    votes: &VoteCounts,
    alpha: Alpha,
) -> Result<Option<Vec<f64>>, S> {
    let own = half(alpha).map_err(ProtocolError::Alpha)?;
    let others = (session.pool.classes - 1) as f64;
    let each = own.share(1.0 / others * (1.0 - 1e-12)).map_err(ProtocolError::Alpha)?;
    let upper = upper_bounds(votes, |z| Some(if z == class { own } else { each }))?;
    let others_upper =
        (0..upper.len()).filter(|&z| z != class).map(|z| upper[z]).fold(0.0, f64::max);
    session.record(BoundRecord::Passed {
        model: session.label(Role::Expert(expert)),
        class,
        alpha: own,
        upper: upper[class],
        others_alpha: each,
        others_upper,
    });
    let sigma = session.model(Role::Expert(expert))?.sigma;
    let signed: Vec<f64> = upper.iter().map(|&p| signed_radius_upper(sigma, p)).collect();
    Ok(signed.iter().all(|&s| s < 0.0).then_some(signed))
}
