//! The set-valued rule: the route stays within experts that agree.

use super::session::{Result, Session};
use crate::bounds::lower;
use crate::certificate::{BoundRecord, Verdict};
use crate::pool::{Phase, Role, VoteSource};
use crate::rule::{self, ExpertSet, RouteBounds};
use crate::units::Alpha;
use crate::votes::VoteCounts;

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Verdict, S> {
    let (route_alpha, class_alpha) = session.halves()?;
    let order = session.draw(Role::Router, Phase::Selection)?.order();
    let votes = session.draw(Role::Router, Phase::Estimation)?;
    let (routes, _) = prefix_bounds(session, &order, &votes, route_alpha)?;
    let sigma = session.model(Role::Router)?.sigma;
    let alphas = session.shares(class_alpha, session.split().next_expert, order.len())?;

    let first = order[0];
    let claim = session.select_and_claim(Role::Expert(first), alphas[0])?;
    let class = claim.class();
    let mut margins = vec![claim.margin()];
    for (&expert, &alpha) in order.iter().zip(&alphas).skip(1) {
        // Larger sets can only help while all experts so far certify more
        // than is certified already.
        let now = rule::set(sigma, &routes, &margins).radius.max(0.0);
        let ceiling = margins.iter().copied().fold(f64::INFINITY, f64::min);
        let mut hopeful = margins.clone();
        hopeful.resize(order.len(), ceiling);
        if rule::set(sigma, &routes, &hopeful).radius <= now {
            break;
        }
        if session.draw(Role::Expert(expert), Phase::Selection)?.top() != class {
            break;
        }
        let votes = session.draw(Role::Expert(expert), Phase::Estimation)?;
        let role = Role::Expert(expert);
        let levels = session.levels(role, alpha, session.protocol.bounding)?;
        margins.push(session.claim(role, &votes, class, levels)?.margin());
    }
    let best = rule::set(sigma, &routes, &margins);
    let set = order[..best.size].to_vec();
    Ok(Verdict::new(class, best.radius, Some(first), set, Some(best.route), best.class))
}

/// Lower bounds for the first 1, 2, … experts of the order, all at once: as
/// signed radii in that order, and as route bounds.
pub(super) fn prefix_bounds<S: VoteSource>(
    session: &mut Session<'_, S>,
    order: &[usize],
    votes: &VoteCounts,
    alpha: Alpha,
) -> Result<(Vec<f64>, RouteBounds), S> {
    let sigma = session.model(Role::Router)?.sigma;
    let prefixes = order.len() - 1;
    let alphas = session.shares(alpha, session.split().next_set, prefixes)?;
    let (mut routes, mut bounds) = (Vec::with_capacity(prefixes), RouteBounds::new(order.len()));
    for (size, alpha) in (1..order.len()).zip(alphas) {
        let members = &order[..size];
        let count = members.iter().map(|&expert| votes.of(expert)).sum();
        let p = lower(count, votes.total(), alpha)?;
        let set = members.iter().map(|&expert| session.label(Role::Expert(expert))).collect();
        session.record(BoundRecord::Route { set, alpha, p });
        routes.push(rule::signed_radius_lower(sigma, p));
        bounds = bounds.with(sigma, ExpertSet::of(members), p);
    }
    Ok((routes, bounds))
}
