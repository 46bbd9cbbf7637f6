//! The standard normal quantile Φ⁻¹, rounded to either side.

use statrs::function::erf::erfc_inv;

/// Outward shift of a quantile, relative to 1 + |x|.
///
/// statrs is within 4e-15·(1 + |x|) of 50-digit arithmetic on the fixtures.
const GUARD: f64 = 1e-13;

/// A value not above Φ⁻¹(`p`). −∞ for `p` ≤ 0 or not a number.
#[must_use]
pub fn quantile_lower(p: f64) -> f64 {
    let x = quantile(p);
    if x.is_finite() { x - GUARD * (1.0 + x.abs()) } else { x }
}

/// A value not below Φ⁻¹(`p`). +∞ for `p` ≥ 1 or not a number.
#[must_use]
pub fn quantile_upper(p: f64) -> f64 {
    if p.is_nan() {
        return f64::INFINITY;
    }
    let x = quantile(p);
    if x.is_finite() { x + GUARD * (1.0 + x.abs()) } else { x }
}

fn quantile(p: f64) -> f64 {
    if p.is_nan() || p <= 0.0 {
        f64::NEG_INFINITY
    } else if p >= 1.0 {
        f64::INFINITY
    } else {
        -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)
    }
}
