//! What is asked of a certification: method, numbers of draws, α and its split.

use serde::{Deserialize, Serialize};

use crate::bounds::quantile_lower;
pub use crate::error::ProtocolError;
use crate::sampling::Sampling;
pub use crate::units::MOST_DRAWS;
use crate::units::{Alpha, Sigma, UnitError};

/// How an input is certified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// One expert alone: CERTIFY of Cohen et al. 2019, Algorithm 1.
    One(usize),
    /// Multiscale (Jeong & Shin 2023), with exact bounds.
    Multiscale,
    /// Dual randomized smoothing: the route and the class must both hold (Theorem 4.2).
    Dual,
    /// The route must stay within a set of experts that agree.
    Set,
    /// The strongest claim: the weaker of a route to a set and the set's agreement.
    MaxMin,
    /// The strongest of the pool's own terms: experts together, the router where asked.
    Blend,
}

/// How the runner-up is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bounding {
    /// p̄_B = 1 − p̲_A, as published: R = σ·Φ⁻¹(p̲_A).
    #[default]
    OneSided,
    /// p̄ bounded for every other class: R = σ/2·(Φ⁻¹(p̲_A) − Φ⁻¹(p̄_B)).
    TwoSided,
}

/// Numbers of draws, failure probability and its split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Draws that select a class or a route; the most there may be where the selection ends early.
    pub n0: u64,
    /// Draws that estimate, per stage; with sequential sampling the most there may be.
    pub n: u64,
    /// Whether all N draws are taken, or as many as the question needs.
    pub sampling: Sampling,
    /// Probability with which a certificate may be wrong, all stages together.
    pub alpha: Alpha,
    /// For one σ, both stages of the dual rule and the experts of `set`;
    /// `maxmin` always bounds every class.
    pub bounding: Bounding,
    /// How α is shared.
    pub split: AlphaSplit,
}

impl Protocol {
    /// No certificate of this protocol has a larger radius, where `sigma` is the largest of its
    /// models': σ·Φ⁻¹(α^(1/N)), rounded up.
    ///
    /// A lower bound p̲ from n ≤ N draws at a level α' ≤ α is largest where all of them are votes
    /// for the class: then it is α'^(1/n). An upper bound p̄ of another class is not below
    /// 1 − α'^(1/n). Every rule compares such bounds, each moved by at most the distance over its
    /// own σ: beyond this distance p̲ is moved below ½ and p̄ above it, for all models at once.
    #[must_use]
    pub fn ceiling(&self, sigma: Sigma) -> f64 {
        // 1 − p, where p itself has no digits left.
        let missed = -(self.alpha.get().ln() / self.n.max(1) as f64).exp_m1();
        let most = -quantile_lower(missed);
        (sigma.get() * most * (1.0 + 1e-9)).max(0.0)
    }
}

impl Default for Protocol {
    /// N0 = 100, N = 10,000, all of them drawn, α = 0.001, as in the paper.
    fn default() -> Self {
        Self {
            n0: 100,
            n: 10_000,
            sampling: Sampling::Fixed,
            alpha: Alpha::new(0.001).unwrap_or_else(|_| unreachable!("0.001 is in (0, 1)")),
            bounding: Bounding::default(),
            split: AlphaSplit::default(),
        }
    }
}

/// How a certificate's α is shared among its bounds.
///
/// Fixed before the estimation draws: shares depend on this and on the order
/// in which the selection draws put the experts, on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlphaSplit {
    /// The router's share of α, in (0, 1); the experts get the rest.
    pub route: f64,
    /// What each further set of experts gets, as a multiple of the one before, in (0, 1].
    pub next_set: f64,
    /// What each further expert gets, as a multiple of the one before, in (0, 1].
    pub next_expert: f64,
    /// Of a two-sided bound's share, the part for p̄ of the other classes, in (0, 1).
    pub others: f64,
    /// What each further scale of Multiscale gets, as a multiple of the one before, in (0, 1].
    pub next_scale: f64,
}

impl Default for AlphaSplit {
    fn default() -> Self {
        Self { route: 0.5, next_set: 0.25, next_expert: 0.25, others: 0.5, next_scale: 1.0 }
    }
}

impl AlphaSplit {
    /// # Errors
    /// If a share is outside its range.
    pub fn validate(&self) -> Result<(), ProtocolError> {
        let open = |value: f64| value > 0.0 && value < 1.0;
        let half_open = |value: f64| value > 0.0 && value <= 1.0;
        let checks = [
            ("route", self.route, open(self.route), "strictly between 0 and 1"),
            ("next_set", self.next_set, half_open(self.next_set), "above 0 and at most 1"),
            ("next_expert", self.next_expert, half_open(self.next_expert), "above 0 and at most 1"),
            ("others", self.others, open(self.others), "strictly between 0 and 1"),
            ("next_scale", self.next_scale, half_open(self.next_scale), "above 0 and at most 1"),
        ];
        match checks.into_iter().find(|(_, _, fine, _)| !fine) {
            None => Ok(()),
            Some((name, found, _, expected)) => Err(ProtocolError::Split { name, found, expected }),
        }
    }
}

/// Shares of `alpha` that fall by `factor` from one to the next and add up to
/// at most `alpha`.
///
/// # Errors
/// If the shares are so many that the last ones vanish.
pub(crate) fn geometric(alpha: Alpha, factor: f64, parts: usize) -> Result<Vec<Alpha>, UnitError> {
    let weights: Vec<f64> =
        std::iter::successors(Some(1.0), |weight| Some(weight * factor)).take(parts).collect();
    // Rounded up, so that the shares' sum cannot exceed one.
    let total = weights.iter().sum::<f64>() * (1.0 + 1e-12);
    weights.iter().map(|weight| alpha.share(weight / total)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometric_shares_fall_and_fit_the_budget() {
        let alpha = Alpha::new(0.001).unwrap();
        for (factor, parts) in [(0.25, 3), (1.0, 7), (0.5, 1)] {
            let shares = geometric(alpha, factor, parts).unwrap();
            assert_eq!(shares.len(), parts);
            assert!(shares.iter().map(|a| a.get()).sum::<f64>() <= alpha.get());
            assert!(shares.windows(2).all(|w| w[1].get() <= w[0].get()));
        }
        assert!(geometric(alpha, 1e-10, 100).is_err());
    }

    #[test]
    fn a_share_out_of_range_is_named() {
        let split = AlphaSplit { route: 1.0, ..AlphaSplit::default() };
        assert!(split.validate().unwrap_err().to_string().contains("`route`"));
    }
}
