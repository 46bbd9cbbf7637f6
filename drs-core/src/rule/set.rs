//! The set-valued rule for a hard route.

use crate::bounds::quantile_upper;
use crate::units::Sigma;

/// The best set of experts and what it certifies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SetRule {
    /// The radius; at most zero if no set certifies anything.
    pub radius: f64,
    /// The size k of the set: the first k experts of the order.
    pub size: usize,
    /// Within this distance the route stays in the set; +∞ for all experts.
    pub route: f64,
    /// The smallest radius of the set's experts.
    pub class: f64,
}

/// R = max_k min(R_{S_k}, min_{i ∈ S_k} R_i), where S_k holds the first k experts.
///
/// Within distance r of the input the router's mass on S_k is at least
/// L = Φ(Φ⁻¹(q̲_k) − r/σ_e). Some member has at least L/k of it and every
/// outsider at most 1 − L, so the most likely route is a member while
/// L > k/(k + 1), that is for r < σ_e(Φ⁻¹(q̲_k) − Φ⁻¹(k/(k + 1))). All members
/// answer with the same class within min R_i. k = 1 is the paper's rule.
///
/// * `routes[k − 1]`: a lower bound on σ_e·Φ⁻¹(P(router ∈ S_k)), for every k
///   below the number of experts.
/// * `margins[i]`: the certified radius of the i-th expert of the order for
///   the common class; at most zero if it does not certify that class.
#[must_use]
pub fn set(router_sigma: Sigma, routes: &[f64], margins: &[f64]) -> SetRule {
    let mut best = SetRule { radius: f64::NEG_INFINITY, size: 1, route: 0.0, class: 0.0 };
    let mut class = f64::INFINITY;
    for (index, &margin) in margins.iter().enumerate() {
        class = class.min(margin);
        let size = index + 1;
        let route = match routes.get(index) {
            Some(t) if size == 1 => *t,
            Some(t) => {
                let k = size as f64;
                (t - (router_sigma.get() * quantile_upper(k / (k + 1.0))).next_up()).next_down()
            }
            None => f64::INFINITY,
        };
        let radius = route.min(class);
        if radius > best.radius {
            best = SetRule { radius, size, route, class };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_expert_alone_is_the_paper_s_rule() {
        let rule = set(Sigma::new(1.0).unwrap(), &[0.4, 0.5], &[0.9, -1.0, 0.3]);
        assert_eq!((rule.radius, rule.size), (0.4, 1));
    }

    #[test]
    fn agreement_of_all_needs_no_route() {
        let rule = set(Sigma::new(1.0).unwrap(), &[0.1, 0.5], &[0.9, 0.8, 0.7]);
        assert_eq!((rule.radius, rule.size, rule.route), (0.7, 3, f64::INFINITY));
    }

    #[test]
    fn a_set_of_two_pays_for_being_a_set() {
        // Φ⁻¹(2/3) = 0.4307: t = 1.5 leaves 1.069.
        let rule = set(Sigma::new(1.0).unwrap(), &[0.2, 1.5], &[2.0, 2.0, 0.1]);
        assert_eq!(rule.size, 2);
        assert!((rule.radius - (1.5 - 0.430_727_299_295_457_5)).abs() < 1e-9);
        assert!(rule.radius < 1.5 - 0.430_727_299_295_457_4);
    }
}
