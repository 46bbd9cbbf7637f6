//! The max–min rule: certify the label rather than the route.

use std::convert::Infallible;

use super::{Claim, ExpertSet, RouteBounds};

/// What the max–min rule certifies.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxMin {
    /// The radius; at most zero (or −∞) if nothing is certified.
    pub radius: f64,
    /// The experts whose claim is the strongest for the class.
    pub set: Vec<usize>,
    /// Lower bound on t of that set; +∞ for all experts.
    pub route: f64,
    /// The smallest of the set's lower bounds on the class's signed radius.
    pub class: f64,
}

/// Certifies `class` under H(x) = argmax_c F_c(x) with
/// F_c = max_S min(t_S, min_{i ∈ S} s_i^c).
///
/// s_i^c is expert i's signed radius for c, t_S the router's for the set S
/// (t of all experts = +∞). Each is 1-Lipschitz, and F is non-decreasing in
/// each and moves by δ when all of them move by δ, so
///
///   F_y(x') ≥ F(s̲^y, t̲) − ‖x' − x‖  and  F_z(x') ≤ F(s̄^z, t̄) + ‖x' − x‖,
///
/// and H = y within R = ½·(F(s̲^y, t̲) − max_{z ≠ y} F(s̄^z, t̄)).
///
/// For any S with a route bound t̲_S whose members certify radii R_i this is at
/// least min(t̲_S, min R_i): a set that meets S claims z with at most −R_i for
/// some i in S, a set beside S has t at most −t̲_S. S = {i} is the paper's radius.
///
/// `experts[i]` is `None` for an expert without votes: it supports nothing and
/// may support any other class.
#[must_use]
pub fn maxmin(
    class: usize,
    classes: usize,
    route: &RouteBounds,
    experts: &[Option<Claim>],
) -> MaxMin {
    let support: Vec<f64> = experts
        .iter()
        .map(|claim| match claim {
            Some(claim) if claim.class() == class => claim.lower(),
            _ => f64::NEG_INFINITY,
        })
        .collect();
    let Ok(best) = strongest(&support, |set| known(route.lower(set)));
    let rival = (0..classes)
        .filter(|&z| z != class)
        .map(|z| {
            let support: Vec<f64> = experts
                .iter()
                .map(|claim| match claim {
                    Some(claim) if claim.class() == class => claim.upper(z),
                    _ => f64::INFINITY,
                })
                .collect();
            let Ok(rival) = strongest(&support, |set| known(route.upper(set)));
            rival.route.min(rival.class)
        })
        .fold(f64::NEG_INFINITY, f64::max);
    let own = best.route.min(best.class);
    // One class only: nothing can win against it, but its claim is all we report.
    let rival = if rival == f64::NEG_INFINITY { -own } else { rival };
    let radius = if rival == -own { own } else { ((own - rival) / 2.0).next_down() };
    let radius = if radius.is_nan() { f64::NEG_INFINITY } else { radius };
    MaxMin { radius, ..best }
}

/// A bound that is there already.
fn known(bound: f64) -> Result<f64, Infallible> {
    Ok(bound)
}

/// F itself: max_S min(t_S, min_{i ∈ S} s_i), as the radius, and the set where it is reached;
/// `support[i]` is s_i, `route` gives t.
///
/// t grows with S, so for each smallest s the best S takes every expert whose
/// s is at least that: only the K sets of the K strongest need a look.
///
/// # Errors
/// Those of `route`.
pub(crate) fn strongest<E>(
    support: &[f64],
    mut route: impl FnMut(ExpertSet) -> Result<f64, E>,
) -> Result<MaxMin, E> {
    let mut order: Vec<usize> = (0..support.len()).collect();
    order.sort_by(|&a, &b| support[b].total_cmp(&support[a]));
    let mut best = MaxMin {
        radius: f64::NEG_INFINITY,
        set: Vec::new(),
        route: f64::NEG_INFINITY,
        class: f64::NEG_INFINITY,
    };
    let mut strongest = f64::NEG_INFINITY;
    for size in 1..=order.len() {
        let set = &order[..size];
        let (t, s) = (route(ExpertSet::of(set))?, support[order[size - 1]]);
        if t.min(s) > strongest {
            strongest = t.min(s);
            best = MaxMin { radius: strongest, set: set.to_vec(), route: t, class: s };
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Sigma;

    /// The definition, over every set.
    fn by_definition(support: &[f64], t: impl Fn(ExpertSet) -> f64) -> f64 {
        let experts = support.len();
        (1..1usize << experts)
            .map(|mask| {
                let set: Vec<usize> = (0..experts).filter(|i| mask >> i & 1 == 1).collect();
                let s = set.iter().map(|&i| support[i]).fold(f64::INFINITY, f64::min);
                t(ExpertSet::of(&set)).min(s)
            })
            .fold(f64::NEG_INFINITY, f64::max)
    }

    proptest::proptest! {
        #[test]
        fn the_k_strongest_are_enough(
            support in proptest::collection::vec(-3.0f64..3.0, 1..6),
            votes in proptest::collection::vec(0.01f64..1.0, 6),
        ) {
            let total: f64 = votes[..support.len()].iter().sum();
            let sigma = Sigma::new(1.0).unwrap();
            let mut route = RouteBounds::new(support.len());
            for size in 1..support.len() {
                let set: Vec<usize> = (0..size).collect();
                let p = votes[..size].iter().sum::<f64>() / total;
                route = route.with(sigma, ExpertSet::of(&set), p);
            }
            let Ok(found) = strongest(&support, |set| known(route.lower(set)));
            assert_eq!(found.radius, by_definition(&support, |set| route.lower(set)));
            let Ok(found) = strongest(&support, |set| known(route.upper(set)));
            assert_eq!(found.radius, by_definition(&support, |set| route.upper(set)));
        }
    }

    #[test]
    fn an_expert_without_votes_cannot_help_a_class() {
        let sigma = Sigma::new(1.0).unwrap();
        let route = RouteBounds::new(2).with(sigma, ExpertSet::of(&[0]), 0.9);
        let claim = Claim::new(sigma, 0, 0.8, &[1.0, 1.0]);
        let alone = maxmin(0, 2, &route, &[Some(claim.clone()), None]);
        assert_eq!(alone.radius, claim.lower(), "the class binds, the paper's radius");
        let nobody = maxmin(0, 2, &route, &[None, None]);
        assert!(nobody.radius <= 0.0);
    }
}
