//! Combination rules: from bounds to a radius, without a draw or a file.
//!
//! All speak of *signed radii*: for a smoothed model with noise σ,
//! s^c(x) = σ·Φ⁻¹(P(f(x + ε) = c)). It is 1-Lipschitz in ‖·‖₂ (Levine et al.
//! 2019; Salman et al. 2019) and, where it is positive, Cohen's radius.

mod blend;
mod maxmin;
mod multiscale;
mod route;
mod set;

pub use blend::{Blend, Term, blend};
pub(crate) use blend::{outward, strongest as strongest_term};
pub(crate) use maxmin::strongest as strongest_set;
pub use maxmin::{MaxMin, maxmin};
pub use multiscale::multiscale;
pub use route::{ExpertSet, RouteBounds};
pub use set::{SetRule, set};

use crate::bounds::{quantile_lower, quantile_upper};
use crate::units::Sigma;

/// A signed radius not above σ·Φ⁻¹(`p`).
#[must_use]
pub fn signed_radius_lower(sigma: Sigma, p: f64) -> f64 {
    (sigma.get() * quantile_lower(p)).next_down()
}

/// A signed radius not below σ·Φ⁻¹(`p`).
#[must_use]
pub fn signed_radius_upper(sigma: Sigma, p: f64) -> f64 {
    (sigma.get() * quantile_upper(p)).next_up()
}

/// What the votes of one smoothed model say about one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    class: usize,
    /// The class's signed radius is at least this.
    lower: f64,
    /// No other class's signed radius is above its entry; the class's own is not used.
    upper: Vec<f64>,
}

impl Claim {
    /// A claim from bounds on probabilities: p of `class` is at least `lower`,
    /// p of each other class z at most `upper[z]` (and never above 1 − `lower`).
    #[must_use]
    pub fn new(sigma: Sigma, class: usize, lower: f64, upper: &[f64]) -> Self {
        let lower = signed_radius_lower(sigma, lower);
        // Φ⁻¹(1 − p) = −Φ⁻¹(p), without the rounding of 1 − p.
        let upper = upper.iter().map(|&p| signed_radius_upper(sigma, p).min(-lower)).collect();
        Self { class, lower, upper }
    }

    /// The class claimed.
    #[must_use]
    pub fn class(&self) -> usize {
        self.class
    }

    /// A lower bound on the class's signed radius; Cohen's radius where positive.
    #[must_use]
    pub fn lower(&self) -> f64 {
        self.lower
    }

    /// An upper bound on another class's signed radius.
    #[must_use]
    pub fn upper(&self, class: usize) -> f64 {
        self.upper.get(class).copied().unwrap_or(-self.lower)
    }

    /// The radius within which the class stays the most likely one, at most
    /// zero if it may not be: (s̲^y − max_z s̄^z)/2, which is Cohen's
    /// σ/2·(Φ⁻¹(p̲_A) − Φ⁻¹(p̄_B)), or σ·Φ⁻¹(p̲_A) where p̄_B = 1 − p̲_A.
    #[must_use]
    pub fn margin(&self) -> f64 {
        let rival = (0..self.upper.len())
            .filter(|&class| class != self.class)
            .map(|class| self.upper(class))
            .fold(f64::NEG_INFINITY, f64::max);
        // With one class only, or no bound on the rivals, the claim stands alone.
        let rival = if rival == f64::NEG_INFINITY { -self.lower } else { rival };
        if rival == -self.lower { self.lower } else { ((self.lower - rival) / 2.0).next_down() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_sided_margin_is_cohen_s_radius() {
        let sigma = Sigma::new(0.5).unwrap();
        let claim = Claim::new(sigma, 0, 0.9, &[1.0, 1.0, 1.0]);
        assert!((claim.margin() - 0.5 * 1.281_551_565_544_6).abs() < 1e-9);
        assert!(claim.margin() <= 0.5 * 1.281_551_565_544_600_4);
    }

    #[test]
    fn a_two_sided_margin_is_never_smaller() {
        let sigma = Sigma::new(0.5).unwrap();
        let one = Claim::new(sigma, 0, 0.6, &[1.0, 1.0, 1.0]).margin();
        let two = Claim::new(sigma, 0, 0.6, &[1.0, 0.3, 0.2]).margin();
        let expected = 0.25 * (0.253_347_103_135_8 + 0.524_400_512_708_04);
        assert!(two > one && (two - expected).abs() < 1e-9, "{two} {one}");
    }
}
