//! The blended rule: several experts' support together, the router where asked.

use super::procedure::{Evidence, Judgement, Procedure, run};
use super::session::{Result, Session};
use super::stage::Stage;
use super::{Outcome, claim, route};
use crate::pool::Role;
use crate::protocol::Bounding;
use crate::rule::{Claim, RouteBounds, Term, blend, signed_radius_lower, strongest_term};
use crate::selection::Selection;
use crate::source::VoteSource;
use crate::units::Sigma;
use crate::votes::VoteCounts;

struct Blend<'a> {
    terms: &'a [Term],
    class: usize,
    classes: usize,
    /// The router's noise level and experts in its order, if it is asked.
    router: Option<(Sigma, Vec<usize>)>,
    /// The experts by stage, and their noise levels.
    experts: Vec<(usize, Sigma)>,
    /// Of the pool.
    count: usize,
}

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Outcome, S> {
    let pool = session.pool;
    let terms = pool.blend.as_slice();
    let mut stages = Vec::new();
    let mut class_alpha = session.alpha;
    let mut router = None;
    if terms.iter().any(|term| term.route.is_some()) {
        let (route_alpha, rest) = session.halves()?;
        class_alpha = rest;
        let mut stage = route::stage(session, route_alpha)?;
        stage.advance(session)?;
        let order = stage.selection().map_or_else(Vec::new, VoteCounts::order);
        router = Some((session.model(Role::Router)?.sigma, order));
        stages.push(stage);
    }
    let asked = asked(terms);
    let alphas = session.shares(class_alpha, session.split().next_expert, asked.len())?;
    let mut selections: Vec<Vec<VoteCounts>> = vec![Vec::new(); pool.experts.len()];
    let mut experts = Vec::new();
    for &expert in &asked {
        let role = Role::Expert(expert);
        // Compared between experts, whose shares should be known equally well.
        selections[expert] = session.select(role, Selection::All)?;
        experts.push((expert, session.model(role)?.sigma));
    }
    let route = router.as_ref().zip(stages.first().and_then(Stage::selection));
    let route = route.map(|((sigma, _), votes)| (*sigma, votes));
    let class = likeliest(terms, pool.classes, route, &experts, &selections);
    for (&expert, alpha) in asked.iter().zip(alphas) {
        let selection = std::mem::take(&mut selections[expert]);
        let role = Role::Expert(expert);
        stages.push(claim::firm(session, role, class, selection, alpha, Bounding::TwoSided)?);
    }
    let (classes, count) = (pool.classes, pool.experts.len());
    run(session, stages, &Blend { terms, class, classes, router, experts, count })
}

/// The experts that terms ask, in the order of the terms: the first gets most of α, since
/// terms that reach far need it and should come first. Heavier ones first within a term.
pub(super) fn asked(terms: &[Term]) -> Vec<usize> {
    let mut asked = Vec::new();
    for term in terms {
        let mut members: Vec<usize> =
            (0..term.weights.len()).filter(|&expert| term.weights[expert] > 0).collect();
        members.sort_by_key(|&expert| std::cmp::Reverse(term.weights[expert]));
        members.retain(|expert| !asked.contains(expert));
        asked.extend(members);
    }
    asked
}

/// The class with the largest F if probabilities were the shares of the selection votes.
fn likeliest(
    terms: &[Term],
    classes: usize,
    route: Option<(Sigma, &VoteCounts)>,
    experts: &[(usize, Sigma)],
    selections: &[Vec<VoteCounts>],
) -> usize {
    // Never quite 0 or 1, so that every class has a finite value.
    let share = |count: u64, total: u64| (count as f64 + 0.5) / (total as f64 + 1.0);
    let routes: Vec<f64> = terms
        .iter()
        .map(|term| match (&term.route, route) {
            (Some(set), Some((sigma, votes))) => {
                let count = set.iter().map(|&expert| votes.of(expert)).sum();
                signed_radius_lower(sigma, share(count, votes.total()))
            }
            _ => f64::NEG_INFINITY,
        })
        .collect();
    let strength = |class: usize| {
        let mut signed = vec![f64::NEG_INFINITY; selections.len()];
        for &(expert, sigma) in experts {
            if let Some(votes) = selections[expert].last() {
                signed[expert] = signed_radius_lower(sigma, share(votes.of(class), votes.total()));
            }
        }
        strongest_term(terms, &signed, &routes).1
    };
    let strengths: Vec<f64> = (0..classes).map(strength).collect();
    (0..classes)
        .fold(0, |best, class| if strengths[class] > strengths[best] { class } else { best })
}

impl Procedure for Blend<'_> {
    fn judge(&self, evidence: &Evidence<'_, '_>) -> Judgement {
        let first = usize::from(self.router.is_some());
        let route: Option<RouteBounds> = self
            .router
            .as_ref()
            .and_then(|(sigma, order)| Some(route::sets(*sigma, order, evidence.bounds(0)?)));
        let mut claims: Vec<Option<Claim>> = vec![None; self.count];
        for (place, (expert, sigma)) in self.experts.iter().enumerate() {
            let bounds = evidence.bounds(first + place);
            claims[*expert] = bounds.map(|bounds| bounds.claim(*sigma, self.class));
        }
        let best = blend(self.terms, self.class, self.classes, route.as_ref(), &claims);
        let set: Vec<usize> = match self.terms.get(best.term) {
            Some(term) => (0..self.count).filter(|&expert| term.weights[expert] > 0).collect(),
            None => Vec::new(),
        };
        let term = self.terms.get(best.term);
        let expert = term.and_then(Term::heaviest);
        // A cap by itself is no route: it is part of what the experts support.
        let routed = term.is_some_and(|term| term.route.is_some());
        Judgement {
            class: self.class,
            radius: best.radius,
            expert,
            set,
            route: routed.then_some(best.route),
            class_radius: if routed { best.class } else { best.class.min(best.route) },
        }
    }
}
