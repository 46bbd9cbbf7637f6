//! A stage that bounds the route to sets of experts: to the first of an order,
//! to the first two, and so on.

use super::session::{Result, Session};
use super::stage::{Aims, Bounds, Purpose, Stage};
use crate::certificate::BoundRecord;
use crate::pool::Role;
use crate::rule::{ExpertSet, RouteBounds, signed_radius_lower};
use crate::source::VoteSource;
use crate::units::{Alpha, Sigma};
use crate::votes::VoteCounts;

struct RouteToSets {
    /// One level for each set but that of all experts.
    alphas: Vec<Alpha>,
    experts: usize,
}

/// The router's stage, which may spend `alpha`.
pub(super) fn stage<'a, S: VoteSource>(
    session: &Session<'_, S>,
    alpha: Alpha,
) -> Result<Stage<'a>, S> {
    let experts = session.pool.experts.len();
    let alphas = session.shares(alpha, session.split().next_set, experts - 1)?;
    Stage::new(session, Role::Router, RouteToSets { alphas, experts })
}

impl Purpose for RouteToSets {
    fn aims(&self, selection: Option<&VoteCounts>) -> Option<Aims> {
        let order = selection.map_or_else(|| (0..self.experts).collect(), VoteCounts::order);
        let set = |(index, &alpha): (usize, &Alpha)| (order[..=index].to_vec(), alpha);
        let lower = self.alphas.iter().enumerate().map(set).collect();
        Some(Aims { lower, upper: vec![None; self.experts] })
    }

    /// The sets are the first of the order.
    fn is_of_the_order(&self) -> bool {
        true
    }

    fn records(
        &self,
        selection: &VoteCounts,
        bounds: &Bounds,
        _: &str,
        name: &dyn Fn(usize) -> String,
    ) -> Vec<BoundRecord> {
        let order = selection.order();
        let sets = self.alphas.iter().zip(&bounds.lower).enumerate();
        sets.map(|(index, (&alpha, &p))| {
            let set = order[..=index].iter().map(|&expert| name(expert)).collect();
            BoundRecord::Route { set, alpha, p }
        })
        .collect()
    }
}

/// The signed radii of the first 1, 2, … experts of an order.
pub(super) fn prefixes(sigma: Sigma, bounds: &Bounds) -> Vec<f64> {
    bounds.lower.iter().map(|&p| signed_radius_lower(sigma, p)).collect()
}

/// The same as bounds on any set.
pub(super) fn sets(sigma: Sigma, order: &[usize], bounds: &Bounds) -> RouteBounds {
    let known = bounds.lower.iter().enumerate();
    known.fold(RouteBounds::new(order.len()), |sets, (index, &p)| {
        sets.with(sigma, ExpertSet::of(&order[..=index]), p)
    })
}
