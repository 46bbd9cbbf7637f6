//! What `set` and `maxmin` share: a router's stage for sets, then one stage for
//! each expert in the order in which the router prefers them.

use super::procedure::Evidence;
use super::session::{Result, Session};
use super::stage::Stage;
use super::{claim, route};
use crate::pool::Role;
use crate::protocol::Bounding;
use crate::rule::{Claim, RouteBounds};
use crate::source::VoteSource;
use crate::units::Sigma;

/// Stage 0 is the router's, stage 1 + i that of the i-th expert of the order.
pub(super) struct Routed {
    pub(super) router: Sigma,
    /// Experts by index, the router's favourite first.
    pub(super) order: Vec<usize>,
    /// Noise levels in that order.
    sigmas: Vec<Sigma>,
    /// The favourite's class.
    pub(super) class: usize,
}

/// Draws the selection of the router and of its favourite; the others' wait
/// until they can matter. The levels of all are fixed from here on, whichever
/// of them are drawn.
pub(super) fn start<'a, S: VoteSource>(
    session: &mut Session<'_, S>,
    bounding: Bounding,
) -> Result<(Routed, Vec<Stage<'a>>), S> {
    let (route_alpha, class_alpha) = session.halves()?;
    let mut router = route::stage(session, route_alpha)?;
    router.advance(session)?;
    let order = router.selection().map_or_else(Vec::new, |votes| votes.order());
    let alphas = session.shares(class_alpha, session.split().next_expert, order.len())?;
    let mut favourite = claim::stage(session, Role::Expert(order[0]), None, alphas[0], bounding)?;
    favourite.advance(session)?;
    let class = favourite.selected().unwrap_or(0);
    let mut stages = vec![router, favourite];
    for (&expert, &alpha) in order.iter().zip(&alphas).skip(1) {
        let role = Role::Expert(expert);
        stages.push(claim::stage(session, role, Some(class), alpha, bounding)?);
    }
    let mut sigmas = Vec::with_capacity(order.len());
    for &expert in &order {
        sigmas.push(session.model(Role::Expert(expert))?.sigma);
    }
    let router = session.model(Role::Router)?.sigma;
    Ok((Routed { router, order, sigmas, class }, stages))
}

impl Routed {
    /// Signed radii of the routes to the first 1, 2, … experts of the order.
    pub(super) fn prefixes(&self, evidence: &Evidence<'_, '_>) -> Option<Vec<f64>> {
        Some(route::prefixes(self.router, evidence.bounds(0)?))
    }

    /// The same as bounds on any set of experts.
    pub(super) fn sets(&self, evidence: &Evidence<'_, '_>) -> Option<RouteBounds> {
        Some(route::sets(self.router, &self.order, evidence.bounds(0)?))
    }

    /// The claim on the class by the expert at a place of the order.
    pub(super) fn claim(&self, evidence: &Evidence<'_, '_>, place: usize) -> Option<Claim> {
        Some(evidence.bounds(place + 1)?.claim(self.sigmas[place], self.class))
    }
}
