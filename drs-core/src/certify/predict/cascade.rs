//! The cascade of Multiscale: from the largest σ down, the first scale at which a class
//! reaches ½ answers.

use super::{Answer, Poll};
use crate::bounds::{BoundError, two_sided_p_value};
use crate::certify::multiscale::scales;
use crate::certify::session::Result;
use crate::pool::Role;
use crate::source::VoteSource;
use crate::units::Alpha;

/// Where a class's probability lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Below,
    Unclear,
    Above,
}

/// Answers with a class above ½ at a scale that the cascade reaches, if at every earlier
/// scale each other class is below ½: whether the same class is there does not matter.
///
/// "Above" and "below" are two-sided binomial tests of p = ½ on the class's own count, at the
/// scale's share α_k. Let the cascade truly stop at scale k* with class y* (or never), and let
/// the answer be y ≠ y*, given at scale k.
///
/// * k < k*: no class has more than ½ there, yet one was found above. For t > n/2 the tail
///   P(Bin(n, p) ≥ t) is convex in p up to ½ and 0 at 0, hence at most 2p times its value at ½;
///   the p of all classes add up to one, so that some class is found above has probability at
///   most 2·α_k/2 = α_k, however many classes there are.
/// * k = k*: y was found above, so that y*, with what votes are left, counts as below.
/// * k > k*: y* was found below at scale k*, or it would have been the only answer left.
///
/// The last two are one event, a one-sided error about y* at k*, of probability at most α_k*/2.
/// Together at most the sum of the α_k, which is α.
pub(super) fn multiscale<S: VoteSource>(poll: &mut Poll<'_, S>) -> Result<Answer, S> {
    let scales = scales(poll.session.pool);
    let (alpha, factor) = (poll.session.alpha, poll.session.split().next_scale);
    let alphas = poll.session.shares(alpha, factor, scales.len())?;
    let n = poll.session.protocol.n;
    // The only class that an earlier scale may have answered with.
    let mut only: Option<usize> = None;
    for (&(expert, _), &alpha) in scales.iter().zip(&alphas) {
        let votes = poll.ask(Role::Expert(expert))?;
        let order = votes.order();
        let at = |place: usize| match order.get(place) {
            Some(&class) => side(votes.of(class), n, alpha),
            None => Ok(Side::Below),
        };
        let fits = only.is_none_or(|only| only == order[0]);
        match (at(0)?, at(1)?) {
            (Side::Above, _) if fits => return Ok(Answer::of(order[0], Some(expert))),
            (Side::Unclear, Side::Below) if fits => only = Some(order[0]),
            // No class has more votes than the first, so none may have been answered.
            (Side::Below, _) => {}
            // Two classes may have been answered.
            _ => return Ok(Answer::ABSTAIN),
        }
    }
    Ok(Answer::ABSTAIN)
}

fn side(count: u64, n: u64, alpha: Alpha) -> std::result::Result<Side, BoundError> {
    let p = two_sided_p_value(count, n)?;
    Ok(match (p <= alpha.get(), count > n - count) {
        (false, _) => Side::Unclear,
        (true, true) => Side::Above,
        (true, false) => Side::Below,
    })
}
