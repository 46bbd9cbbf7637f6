//! The blended rule: claims on a class by several experts together, with or
//! without the router's consent.

use serde::{Deserialize, Serialize};

use super::{Claim, ExpertSet, RouteBounds};

/// One way to support a class c: min(Σ_i w_i·s_i^c / Σ_i w_i − offset, consent).
///
/// Without `cap` and `route` there is no limit; with a cap it is the limit; with
/// a route it is t_S, the router's signed radius for these experts; with both
/// the larger of the two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Weights of the experts' signed radii, by index: whole numbers, so that they
    /// add up exactly.
    pub weights: Vec<u32>,
    /// Taken off the support, in units of radius.
    #[serde(default)]
    pub offset: f64,
    /// What may be claimed without the router, in units of radius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
    /// Beyond that the router must answer with one of these experts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Vec<usize>>,
}

impl Term {
    /// # Errors
    /// If the term does not fit a pool of so many experts; the message says how.
    pub fn validate(&self, experts: usize) -> Result<(), String> {
        if self.weights.len() != experts || self.weights.iter().all(|&weight| weight == 0) {
            let found = &self.weights;
            return Err(format!("weights {found:?} found, expected {experts}, not all of them 0"));
        }
        if !self.offset.is_finite() || self.cap.is_some_and(|cap| !cap.is_finite()) {
            return Err("an offset or cap that is no finite number".to_owned());
        }
        match &self.route {
            Some(set) if set.is_empty() || set.iter().any(|&expert| expert >= experts) => {
                Err(format!("route {set:?} found, expected some of the {experts} experts"))
            }
            _ => Ok(()),
        }
    }

    /// The weighted mean of signed radii less the offset.
    pub(crate) fn support(&self, signed: impl Fn(usize) -> f64) -> f64 {
        let weighted = self.weights.iter().enumerate().filter(|(_, weight)| **weight > 0);
        let (sum, total) = weighted.fold((0.0, 0.0), |(sum, total), (expert, &weight)| {
            let weight = f64::from(weight);
            (sum + weight * signed(expert), total + weight)
        });
        sum / total - self.offset
    }

    /// What the router and the cap allow, if `t` is the router's signed radius.
    pub(crate) fn consent(&self, t: f64) -> f64 {
        match (self.cap, &self.route) {
            (None, None) => f64::INFINITY,
            (Some(cap), None) => cap,
            (None, Some(_)) => t,
            (Some(cap), Some(_)) => cap.max(t),
        }
    }

    /// The expert that counts most; of several the first.
    pub(crate) fn heaviest(&self) -> Option<usize> {
        (0..self.weights.len()).rev().max_by_key(|&expert| self.weights[expert])
    }

    /// The experts whose route it asks for.
    pub(crate) fn set(&self) -> Option<ExpertSet> {
        self.route.as_deref().map(ExpertSet::of)
    }
}

/// F itself: the largest of min(support, consent) over the terms, and the term where it is
/// reached. `signed[i]` is s_i, `routes[k]` is t of the experts whose route term k asks for.
pub(crate) fn strongest(terms: &[Term], signed: &[f64], routes: &[f64]) -> (usize, f64) {
    let claim = |(term, &t): (&Term, &f64)| term.support(|i| signed[i]).min(term.consent(t));
    let claims = terms.iter().zip(routes).map(claim).enumerate();
    claims.fold(
        (0, f64::NEG_INFINITY),
        |best, (k, claim)| {
            if claim > best.1 { (k, claim) } else { best }
        },
    )
}

/// What the blended rule certifies.
#[derive(Debug, Clone, PartialEq)]
pub struct Blend {
    /// The radius; at most zero (or −∞) if nothing is certified.
    pub radius: f64,
    /// The term whose claim is the strongest at the input.
    pub term: usize,
    /// Its consent and its support there.
    pub route: f64,
    /// Lower bound on its support there.
    pub class: f64,
}

/// More than all roundings of a support or a comparison here.
const GUARD: f64 = 1e-9;

/// Certifies `class` under H(x) = argmax_c F_c(x), F_c the largest of the terms.
///
/// Every s_i^c and t_S is 1-Lipschitz; so is a weighted mean of such, one less a
/// constant, and a minimum or maximum of such with each other or with constants.
/// Within distance r therefore, term by term and monotonically,
///
///   F_y ≥ L(r) = max_k min(a_k − r, consent_k(t̲ − r)),
///   F_z ≤ U(r) = max_k min(u_k + r, consent_k(t̄ + r)) for every z ≠ y,
///
/// with a_k the support by lower bounds and u_k the largest of other classes by
/// upper bounds. L falls and U rises with r, so H = y wherever L(r) > U(r).
///
/// `experts[i]` is `None` for an expert without votes: it may support nothing, or
/// any other class. Without `route` the router's signed radii are not known.
#[must_use]
pub fn blend(
    terms: &[Term],
    class: usize,
    classes: usize,
    route: Option<&RouteBounds>,
    experts: &[Option<Claim>],
) -> Blend {
    let claim = |expert: usize| experts.get(expert).and_then(Option::as_ref);
    let bounds: Vec<Bounds> = terms
        .iter()
        .map(|term| {
            let own = term.support(|expert| claim(expert).map_or(f64::NEG_INFINITY, Claim::lower));
            let rival = |z: usize| {
                term.support(|expert| claim(expert).map_or(f64::INFINITY, |claim| claim.upper(z)))
            };
            let rivals = (0..classes).filter(|&z| z != class).map(rival);
            let known = term.set().zip(route);
            Bounds {
                own: outward(own, -1.0),
                rival: outward(rivals.fold(f64::NEG_INFINITY, f64::max), 1.0),
                route: known.map_or([f64::NEG_INFINITY, f64::INFINITY], |(set, route)| {
                    [outward(route.lower(set), -1.0), outward(route.upper(set), 1.0)]
                }),
            }
        })
        .collect();
    let claims = |r: f64| {
        let claim =
            move |(term, b): (&Term, &Bounds)| (b.own - r).min(term.consent(b.route[0] - r));
        terms.iter().zip(&bounds).map(claim)
    };
    let own = |r: f64| claims(r).fold(f64::NEG_INFINITY, f64::max);
    let rival = |r: f64| {
        let claim = |(term, b): (&Term, &Bounds)| (b.rival + r).min(term.consent(b.route[1] + r));
        terms.iter().zip(&bounds).map(claim).fold(f64::NEG_INFINITY, f64::max)
    };
    let holds = |r: f64| own(r) > rival(r);
    let term = claims(0.0).enumerate().fold((0, f64::NEG_INFINITY), |best, (index, claim)| {
        if claim > best.1 { (index, claim) } else { best }
    });
    let (route, class) = match (terms.get(term.0), bounds.get(term.0)) {
        (Some(term), Some(bounds)) => (term.consent(bounds.route[0]), bounds.own),
        _ => (f64::NEG_INFINITY, f64::NEG_INFINITY),
    };
    let radius = if holds(0.0) {
        largest(holds)
    } else {
        let margin = (own(0.0) - rival(0.0)) / 2.0;
        if margin.is_nan() { f64::NEG_INFINITY } else { margin.min(0.0) }
    };
    Blend { radius, term: term.0, route, class }
}

struct Bounds {
    own: f64,
    rival: f64,
    /// Lower and upper bound on t.
    route: [f64; 2],
}

/// Moved by more than the roundings behind it and before it.
pub(crate) fn outward(value: f64, sign: f64) -> f64 {
    if value.is_finite() { value + sign * GUARD * (1.0 + value.abs()) } else { value }
}

/// A radius at which it holds, within rounding of the largest; it holds at 0 and
/// never again once it does not.
fn largest(holds: impl Fn(f64) -> bool) -> f64 {
    const FAR: f64 = 1e6;
    let (mut inside, mut outside) = (0.0, 1.0);
    while outside < FAR && holds(outside) {
        inside = outside;
        outside *= 2.0;
    }
    for _ in 0..60 {
        let middle = (inside + outside) / 2.0;
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Sigma;

    fn term(weights: &[u32], cap: Option<f64>, route: Option<&[usize]>) -> Term {
        Term { weights: weights.to_vec(), offset: 0.0, cap, route: route.map(<[usize]>::to_vec) }
    }

    fn claims(probabilities: [f64; 2]) -> Vec<Option<Claim>> {
        let sigmas = [0.25, 1.0].map(|sigma| Sigma::new(sigma).unwrap());
        let claim = |(sigma, p)| Some(Claim::new(sigma, 0, p, &[1.0, 1.0, 1.0]));
        sigmas.into_iter().zip(probabilities).map(claim).collect()
    }

    fn near(found: f64, expected: f64) -> bool {
        found <= expected && expected - found < 1e-7
    }

    #[test]
    fn one_expert_alone_has_cohen_s_radius() {
        let experts = claims([0.9, 0.6]);
        for (index, expert) in experts.iter().flatten().enumerate() {
            let mut weights = [0, 0];
            weights[index] = 3;
            let found = blend(&[term(&weights, None, None)], 0, 3, None, &experts);
            assert!(near(found.radius, expert.lower()), "{found:?}");
        }
    }

    #[test]
    fn a_mean_has_the_mean_radius() {
        let experts = claims([0.9, 0.6]);
        let lower: Vec<f64> = experts.iter().flatten().map(Claim::lower).collect();
        let found = blend(&[term(&[1, 3], None, None)], 0, 3, None, &experts);
        assert!(near(found.radius, (lower[0] + 3.0 * lower[1]) / 4.0), "{found:?}");
    }

    #[test]
    fn a_capped_term_decides_where_the_others_claim_nothing() {
        let terms = [term(&[0, 1], None, None), term(&[1, 0], Some(0.0), None)];
        // The far expert is unsure of everything; the near one is sure.
        let mut experts = claims([0.99, 0.4]);
        experts[1] = Some(Claim::new(Sigma::new(1.0).unwrap(), 0, 0.4, &[0.4, 0.45, 0.45]));
        let found = blend(&terms, 0, 3, None, &experts);
        let reach = -experts[1].as_ref().unwrap().upper(1);
        // At 0 the near expert's capped claim stands; rivals of the far one reach 0 at `reach`.
        assert!(near(found.radius, reach), "{found:?}, {reach}");
        assert_eq!((found.term, found.route), (1, 0.0));
    }

    proptest::proptest! {
        /// One expert with the router's consent has at least the paper's radius.
        #[test]
        fn singles_by_consent_have_the_papers_radius(
            p in proptest::array::uniform2(0.05f64..0.999),
            q in 0.05f64..0.95,
        ) {
            let sigma = Sigma::new(1.0).unwrap();
            let route = RouteBounds::new(2)
                .with(sigma, ExpertSet::of(&[0]), q)
                .with(sigma, ExpertSet::of(&[1]), 1.0 - q);
            let experts = claims(p);
            let terms = [term(&[1, 0], None, Some(&[0])), term(&[0, 1], None, Some(&[1]))];
            let singles = blend(&terms, 0, 3, Some(&route), &experts).radius;
            let paper = [0, 1].map(|i| {
                let t = route.lower(ExpertSet::of(&[i]));
                t.min(experts[i].as_ref().unwrap().lower())
            });
            let paper = paper[0].max(paper[1]);
            if paper > 1e-6 {
                proptest::prop_assert!(singles > paper - 1e-6, "{} {}", singles, paper);
            }
        }
    }

    #[test]
    fn what_is_unknown_certifies_nothing() {
        let experts = vec![None, None];
        assert!(blend(&[term(&[1, 1], None, None)], 0, 3, None, &experts).radius <= 0.0);
        assert!(blend(&[], 0, 3, None, &experts).radius <= 0.0);
        let routed = [term(&[1, 0], None, Some(&[0]))];
        assert!(blend(&routed, 0, 3, None, &claims([0.99, 0.99])).radius <= 0.0);
    }

    #[test]
    fn terms_that_do_not_fit_are_told() {
        let problem = |term: Term| term.validate(2).unwrap_err();
        assert!(term(&[1, 0], Some(0.0), Some(&[1])).validate(2).is_ok());
        assert!(problem(term(&[1], None, None)).contains("expected 2"));
        assert!(problem(term(&[0, 0], None, None)).contains("not all of them 0"));
        assert!(problem(term(&[1, 0], Some(f64::NAN), None)).contains("finite"));
        assert!(problem(term(&[1, 0], None, Some(&[2]))).contains("route [2]"));
    }
}
