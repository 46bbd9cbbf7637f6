//! The likeliest class of one expert: a given one, or the one that the router likes most.

use super::{Answer, Poll};
use crate::bounds::{BoundError, two_sided_p_value};
use crate::certify::session::Result;
use crate::pool::Role;
use crate::source::VoteSource;
use crate::units::Alpha;
use crate::votes::VoteCounts;

/// PREDICT of Cohen et al. 2019, Algorithm 1.
pub(super) fn one<S: VoteSource>(poll: &mut Poll<'_, S>, expert: usize) -> Result<Answer, S> {
    let alpha = poll.session.alpha;
    let class = winner(&poll.ask(Role::Expert(expert))?, alpha)?;
    Ok(Answer { class, expert: Some(expert) })
}

/// The same at both stages, which share α.
///
/// With j the expert that the router truly likes most, a wrong answer needs the router's test
/// to name another expert, or that of expert j another class. Both are tests of what is
/// fixed; α is theirs by the union bound, also where router and expert share their draws.
pub(super) fn dual<S: VoteSource>(poll: &mut Poll<'_, S>) -> Result<Answer, S> {
    let (route, class) = poll.session.halves()?;
    match winner(&poll.ask(Role::Router)?, route)? {
        None => Ok(Answer::ABSTAIN),
        Some(expert) => {
            let class = winner(&poll.ask(Role::Expert(expert))?, class)?;
            Ok(Answer { class, expert: Some(expert) })
        }
    }
}

/// The same without knowing the route, where all experts that it may lead to agree.
///
/// With j as above, a wrong answer needs that j is ruled out, or that expert j's test names
/// another class. j is ruled out only if one of the other K − 1 experts has so many more
/// votes that a one-sided test at 1/(K − 1) of the router's α says so. However many experts
/// are asked, each test may spend all of the experts' α: j is one, and only its test matters.
pub(super) fn set<S: VoteSource>(poll: &mut Poll<'_, S>) -> Result<Answer, S> {
    let (route, alpha) = poll.session.halves()?;
    let votes = poll.ask(Role::Router)?;
    let experts = contenders(&votes, route)?;
    let mut class = None;
    for &expert in &experts {
        let own = winner(&poll.ask(Role::Expert(expert))?, alpha)?;
        if own.is_none() || (class.is_some() && class != own) {
            let sure = (experts.len() == 1).then_some(expert);
            return Ok(Answer { class: None, expert: sure });
        }
        class = own;
    }
    Ok(Answer { class, expert: experts.first().copied() })
}

/// The likeliest option, unless the two-sided binomial test cannot tell the two most frequent
/// ones apart. It names another option with probability at most `alpha` (Hung & Fithian 2019).
fn winner(votes: &VoteCounts, alpha: Alpha) -> std::result::Result<Option<usize>, BoundError> {
    let order = votes.order();
    let first = votes.of(order[0]);
    let second = order.get(1).map_or(0, |&option| votes.of(option));
    let p = two_sided_p_value(first, first + second)?;
    Ok((p <= alpha.get()).then_some(order[0]))
}

/// The most frequent option and all that cannot be told from it, most frequent first: the
/// likeliest one is missing with probability at most `alpha`.
fn contenders(votes: &VoteCounts, alpha: Alpha) -> std::result::Result<Vec<usize>, BoundError> {
    let order = votes.order();
    let first = votes.of(order[0]);
    let level = alpha.get() / order.len().saturating_sub(1).max(1) as f64;
    let mut left = vec![order[0]];
    for &option in &order[1..] {
        let p = two_sided_p_value(first, first + votes.of(option))?;
        // Twice the one-sided value, but where both are level.
        if p == 1.0 || p / 2.0 > level {
            left.push(option);
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_clearly_rarer_is_ruled_out() {
        let left = |counts: &[u64], alpha: f64| {
            let votes = VoteCounts::new(counts.to_vec()).unwrap();
            contenders(&votes, Alpha::new(alpha).unwrap()).unwrap()
        };
        assert_eq!(left(&[10, 60, 30], 0.01), [1]);
        assert_eq!(left(&[10, 47, 43], 0.01), [1, 2]);
        assert_eq!(left(&[33, 34, 33], 0.01), [1, 0, 2]);
        assert_eq!(left(&[50, 50], 0.999), [0, 1], "equals are never ruled out");
        assert_eq!(left(&[100], 0.01), [0]);
    }
}
