//! Validated quantities: [`Sigma`], [`Alpha`], [`Radius`].
//!
//! Each is a newtype whose invalid values cannot be built, so the formulas that
//! use them need no checks of their own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A quantity outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} is {found}, expected {expected}")]
pub struct UnitError {
    name: &'static str,
    found: f64,
    expected: &'static str,
}

/// Standard deviation of the smoothing noise, in input units (pixels in \[0, 1\]).
///
/// Finite and greater than zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Sigma(f64);

impl Sigma {
    /// # Errors
    /// If `value` is not a finite number above zero.
    pub fn new(value: f64) -> Result<Self, UnitError> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(UnitError { name: "sigma", found: value, expected: "a finite number above 0" })
        }
    }

    /// The standard deviation in input units.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A **one-sided** failure probability, strictly between 0 and 1.
///
/// An `Alpha` given to a bound is the probability with which that single bound
/// may be wrong. A certificate that rests on several bounds has an `Alpha` of
/// its own, and the bounds share it (union bound; paper, Theorem 4.2).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Alpha(f64);

impl Alpha {
    /// # Errors
    /// If `value` is not strictly between 0 and 1.
    pub fn new(value: f64) -> Result<Self, UnitError> {
        if value > 0.0 && value < 1.0 {
            Ok(Self(value))
        } else {
            Err(UnitError { name: "alpha", found: value, expected: "strictly between 0 and 1" })
        }
    }

    /// The probability.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// The part of this budget that `share` stands for.
    ///
    /// The product is rounded towards zero, so shares that add up to at most
    /// one never add up to more than the budget.
    ///
    /// # Errors
    /// If `share` is not in (0, 1\].
    pub fn share(self, share: f64) -> Result<Self, UnitError> {
        if share > 0.0 && share <= 1.0 {
            Self::new((self.0 * share).next_down())
        } else {
            Err(UnitError { name: "share of alpha", found: share, expected: "in (0, 1]" })
        }
    }
}

/// An L2 distance in input units within which a class cannot change.
///
/// Not negative and finite. Shown truncated, never rounded up: what is printed
/// is a radius that holds.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Radius(f64);

impl Radius {
    /// The empty ball.
    pub const ZERO: Self = Self(0.0);

    /// # Errors
    /// If `value` is negative or not finite.
    pub fn new(value: f64) -> Result<Self, UnitError> {
        if value.is_finite() && value >= 0.0 {
            Ok(Self(value))
        } else {
            Err(UnitError { name: "radius", found: value, expected: "a finite number from 0" })
        }
    }

    /// The distance in input units.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Radius {
    /// Truncates to the precision asked for (three digits by default).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(3).min(12);
        let scale = 10f64.powi(i32::try_from(digits).unwrap_or(12));
        let mut shown = (self.0 * scale).floor() / scale;
        // `self * scale` may have rounded up across an integer.
        if shown > self.0 {
            shown = ((self.0 * scale).floor() - 1.0) / scale;
        }
        let width = f.width().unwrap_or(0);
        write!(f, "{:>width$.digits$}", shown.max(0.0))
    }
}

macro_rules! number_conversions {
    ($($name:ident),*) => {$(
        impl TryFrom<f64> for $name {
            type Error = UnitError;
            fn try_from(value: f64) -> Result<Self, UnitError> {
                Self::new(value)
            }
        }
        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                value.0
            }
        }
    )*};
}
number_conversions!(Sigma, Alpha, Radius);

/// The most draws of a stage: far beyond what models can give, so that sums of them are
/// exact and bounds on them quick.
pub const MOST_DRAWS: u64 = 1_000_000_000;

/// Whether a right answer with this radius counts as certified at a distance: the field's
/// rule, radius ≥ r. A radius that is not above zero abstains, and counts nowhere.
#[must_use]
pub fn counts_at(radius: f64, distance: f64) -> bool {
    radius > 0.0 && radius >= distance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_their_range_cannot_be_built() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Sigma::new(bad).is_err(), "sigma {bad}");
        }
        for bad in [0.0, 1.0, -0.1, 1.1, f64::NAN] {
            assert!(Alpha::new(bad).is_err(), "alpha {bad}");
        }
        for bad in [-1e-9, f64::NAN, f64::INFINITY] {
            assert!(Radius::new(bad).is_err(), "radius {bad}");
        }
        assert!(serde_json::from_str::<Sigma>("-0.5").is_err());
    }

    #[test]
    fn a_radius_is_truncated_when_shown() {
        let radius = Radius::new(1.2349).unwrap();
        assert_eq!(radius.to_string(), "1.234");
        assert_eq!(format!("{radius:.1}"), "1.2");
        assert_eq!(format!("{radius:>7.2}"), "   1.23");
        // 0.3 is stored a little below three tenths: still never shown above its value.
        for value in [0.3, 0.1 + 0.2, 2.675, 1e-9, 0.999_999_999] {
            for digits in 0..=12 {
                let shown: f64 =
                    format!("{:.digits$}", Radius::new(value).unwrap()).parse().unwrap();
                assert!(shown <= value, "{value} shown as {shown}");
            }
        }
    }

    #[test]
    fn shares_never_exceed_the_budget() {
        let alpha = Alpha::new(0.001).unwrap();
        let third = alpha.share(1.0 / 3.0).unwrap().get();
        assert!(third * 3.0 <= alpha.get());
        assert!(alpha.share(0.0).is_err());
        assert!(alpha.share(1.5).is_err());
    }
}
