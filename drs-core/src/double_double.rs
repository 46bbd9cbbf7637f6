//! Just enough double-double arithmetic to know Φ to 2⁻⁸⁸.
//!
//! A value is an unevaluated sum of two `f64`s. Each operation here has a
//! relative error below 2⁻¹⁰⁰ (Joldes, Muller & Popescu 2017, *Tight and
//! rigorous error bounds for basic building blocks of double-word arithmetic*,
//! give 2⁻¹⁰² or better for the same algorithms).

use std::ops::{Add, Div, Mul, Neg};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DoubleDouble {
    high: f64,
    low: f64,
}

/// 1/√(2π) to 107 bits.
const INV_SQRT_TAU: DoubleDouble =
    DoubleDouble { high: 0.398_942_280_401_432_7, low: -2.492_327_202_277_73e-17 };
/// ln 2 to 107 bits.
const LN_2: DoubleDouble =
    DoubleDouble { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };

impl From<f64> for DoubleDouble {
    fn from(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }
}

/// `a + b` exactly, as a rounded sum and its error (Knuth).
fn two_sum(a: f64, b: f64) -> DoubleDouble {
    let high = a + b;
    let b_part = high - a;
    DoubleDouble { high, low: (a - (high - b_part)) + (b - b_part) }
}

/// `a + b` exactly where |a| ≥ |b| (Dekker).
fn fast_two_sum(a: f64, b: f64) -> DoubleDouble {
    let high = a + b;
    DoubleDouble { high, low: b - (high - a) }
}

impl Add for DoubleDouble {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let high = two_sum(self.high, other.high);
        let low = two_sum(self.low, other.low);
        let sum = fast_two_sum(high.high, high.low + low.high);
        fast_two_sum(sum.high, sum.low + low.low)
    }
}

impl Mul for DoubleDouble {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let high = self.high * other.high;
        let error = self.high.mul_add(other.high, -high);
        let cross = self.high.mul_add(other.low, self.low * other.high);
        fast_two_sum(high, error + cross)
    }
}

impl Div for DoubleDouble {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self + other * Self::from(-first);
        let second = rest.high / other.high;
        let rest = rest + other * Self::from(-second);
        fast_two_sum(first, second) + Self::from(rest.high / other.high)
    }
}

impl Neg for DoubleDouble {
    type Output = Self;
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl DoubleDouble {
    /// `a · b` without a rounding.
    pub(crate) fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    /// The value rounded to a double.
    pub(crate) fn nearest(self) -> f64 {
        self.high
    }

    /// The largest whole number that is not above the value, below 2⁵².
    pub(crate) fn floor(self) -> f64 {
        let floor = self.high.floor();
        if floor == self.high && self.low < 0.0 { floor - 1.0 } else { floor }
    }

    /// Times a power of two, which is exact.
    pub(crate) fn scale(self, power_of_two: f64) -> Self {
        Self { high: self.high * power_of_two, low: self.low * power_of_two }
    }

    /// exp(−self) for 0 ≤ self ≤ 60.
    fn exp_neg(self) -> Self {
        let halvings = (self.high / std::f64::consts::LN_2).round();
        let rest = LN_2 * Self::from(halvings) + self.scale(-1.0); // |rest| ≤ ln 2 / 2
        let mut term = Self::from(1.0);
        let mut sum = term;
        for n in 1..=30 {
            term = term * rest / Self::from(f64::from(n));
            sum = sum + term;
        }
        sum.scale((-halvings).exp2())
    }

    /// Φ(self) − ½ for 0 ≤ self ≤ 10.6, with an absolute error below 2⁻⁸⁸.
    ///
    /// φ(x)·Σ x²ⁿ⁺¹/(2n+1)!! has positive terms only. At most 400 of them are
    /// summed, three operations each, so the relative error stays below
    /// 1,200·2⁻¹⁰⁰ plus that of φ, whose 90-odd operations add less than 2⁻⁹³
    /// after the argument's error is multiplied by x² ≤ 113.
    pub(crate) fn normal_mass_above_zero(self) -> Self {
        let square = self * self;
        let mut term = self;
        let mut sum = self;
        for n in 1..=400 {
            term = term * square / Self::from(f64::from(2 * n + 1));
            sum = sum + term;
            if term.high < sum.high * 1e-33 {
                break;
            }
        }
        INV_SQRT_TAU * square.scale(0.5).exp_neg() * sum
    }

    /// round(self · 2⁸⁰) for 0 ≤ self ≤ 1.
    pub(crate) fn to_fixed_80(self) -> u128 {
        // Split by the high part's exponent: both products are exact.
        let high = self.high * 2f64.powi(80);
        let low = self.low * 2f64.powi(80);
        let whole = high.floor();
        let rest = (high - whole) + low;
        #[expect(clippy::cast_possible_truncation, reason = "below 2^81 in magnitude")]
        let fixed = whole as i128 + rest.round() as i128;
        u128::try_from(fixed).unwrap_or(0)
    }
}
