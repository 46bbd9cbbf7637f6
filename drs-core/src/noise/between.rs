//! Values between lattice points: which of two neighbours is drawn.

use statrs::function::erf::erfc;

use super::scale::{ONE, REACH};
use crate::double_double::DoubleDouble;

/// φ is looked up in this many parts of a step.
const PARTS: usize = 64;
/// Fraction bits of the thresholds looked up.
const BITS: u32 = 32;
/// Forty times the error of [`phi`], which is 2.5·10⁻¹¹ at most on a fine grid (tested below).
const GUARD: f64 = 1e-9;

/// P(round(φ + ε/step) ≤ j) = Φ((j + ½ − φ)·step/σ) for φ in steps of 1/64, to 32 bits.
///
/// These fall as φ rises, so two of them bracket the one of a φ between.
#[derive(Debug, Clone)]
pub(super) struct Between {
    lowest: i16,
    /// σ in steps.
    ratio: f64,
    /// One row for each j from `lowest`.
    rows: Vec<[u32; PARTS + 1]>,
}

impl Between {
    /// For values from `lowest` to `-lowest`.
    pub(super) fn new(ratio: f64, lowest: i16) -> Self {
        let row = |j: i16| {
            std::array::from_fn(|part| {
                // Exact: both are multiples of 1/64 below 2¹⁵.
                let steps = f64::from(j) + 0.5 - part as f64 / PARTS as f64;
                let threshold = phi(steps / ratio) * f64::from(BITS).exp2();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a probability; 1 saturates"
                )]
                let threshold = threshold as u32;
                threshold
            })
        };
        Self { lowest, ratio, rows: (lowest..=-lowest).map(row).collect() }
    }

    /// Whether the value drawn is `value` + 1, where `value` would be drawn for φ = 0. `top`
    /// are the first 32 bits of the uniform number, `part` is ⌊64·φ⌋; `None` if they do not
    /// decide, about one time in 64.
    #[inline]
    pub(super) fn is_next(&self, value: i16, top: u32, part: usize) -> Option<bool> {
        let row = &self.rows[usize::from(value.abs_diff(self.lowest))];
        // A unit of 2⁻³² (2.3·10⁻¹⁰) on both sides is nine times the error of a threshold.
        let (top, above, below) = (u64::from(top), u64::from(row[part]), u64::from(row[part + 1]));
        if top > above + 1 {
            Some(true)
        } else if top + 2 <= below {
            Some(false)
        } else {
            None
        }
    }

    /// The same from all 80 bits and the exact φ.
    pub(super) fn is_next_exactly(&self, value: i16, uniform: u128, rest: DoubleDouble) -> bool {
        let steps = DoubleDouble::from(f64::from(value) + 0.5) + -rest;
        let near = phi(steps.nearest() / self.ratio);
        let drawn = uniform as f64 / ONE as f64;
        if (drawn - near).abs() > GUARD {
            drawn > near
        } else {
            uniform >= threshold(steps, self.ratio)
        }
    }
}

/// Φ, quickly; statrs' erfc is what limits it.
fn phi(x: f64) -> f64 {
    0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Φ(steps / ratio)·2⁸⁰ within one unit.
fn threshold(steps: DoubleDouble, ratio: f64) -> u128 {
    let positive = steps.nearest() >= 0.0;
    let distance = if positive { steps } else { -steps };
    let mass = if distance.nearest() >= REACH * ratio {
        ONE / 2
    } else {
        let x = distance / DoubleDouble::from(ratio);
        x.normal_mass_above_zero().to_fixed_80().min(ONE / 2)
    };
    if positive { ONE / 2 + mass } else { ONE / 2 - mass }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{Place, Quantum};

    #[test]
    fn thresholds_are_within_one_unit_of_fifty_digits() {
        let rows = include_str!("../../tests/fixtures/between_lattice.csv").lines();
        let mut checked = 0;
        for row in rows.filter(|row| !row.starts_with('#')).skip(1) {
            let [ratio, x, k, exact] = row.split(',').collect::<Vec<_>>().try_into().unwrap();
            let (ratio, x, k): (f64, f64, f64) =
                (ratio.parse().unwrap(), x.parse().unwrap(), k.parse().unwrap());
            let exact: u128 = exact.parse().unwrap();
            let place = Place::of(x, Quantum::EIGHT_BIT);
            let found = threshold(DoubleDouble::from(k + 0.5) + -place.rest, ratio);
            assert!(found.abs_diff(exact) <= 1, "{row}: {found}");
            checked += 1;
        }
        assert!(checked > 1000, "{checked} rows");
    }

    #[test]
    fn the_quick_distribution_function_is_well_within_its_guard() {
        let mut largest: f64 = 0.0;
        for step in -40_000..=40_000 {
            let x = f64::from(step) / 4000.0;
            let exact = threshold(DoubleDouble::from(x), 1.0) as f64 / ONE as f64;
            largest = largest.max((phi(x) - exact).abs());
        }
        assert!(largest < 2.6e-11, "{largest}");
    }

    #[test]
    fn what_the_first_bits_decide_is_what_all_bits_decide() {
        let (ratio, lowest) = (5.5, -59);
        let between = Between::new(ratio, lowest);
        let (mut decided, mut open) = (0u32, 0u32);
        for x in [0.5, 0.3, 1.0 / 3.0, (3.0 + 1.0 / 64.0) / 255.0, 0.9999, 1e-9] {
            let place = Place::of(x, Quantum::EIGHT_BIT);
            for value in -20..20 {
                // Every 32 bits that φ = 0 gives this value for, in steps.
                let edge = |k: i16| threshold(DoubleDouble::from(f64::from(k) + 0.5), ratio) >> 48;
                for top in (edge(value - 1) + 1..edge(value)).step_by(9973) {
                    let quick = between.is_next(value, top as u32, usize::from(place.part()));
                    for rest in [0, (1u128 << 48) - 1] {
                        let exact = between.is_next_exactly(value, (top << 48) | rest, place.rest);
                        assert!(quick.is_none_or(|quick| quick == exact), "{x} {value} {top}");
                    }
                    *(if quick.is_some() { &mut decided } else { &mut open }) += 1;
                }
            }
        }
        let share = f64::from(open) / f64::from(open + decided);
        assert!(open > 1000 && share < 0.02, "{open} of {decided} left open");
    }

    #[test]
    fn close_calls_are_decided_exactly() {
        let between = Between::new(63.75, -676);
        let place = Place::of(0.4, Quantum::EIGHT_BIT);
        for value in [-100, -1, 0, 1, 57] {
            let steps = DoubleDouble::from(f64::from(value) + 0.5) + -place.rest;
            let edge = threshold(steps, 63.75);
            assert!(between.is_next_exactly(value, edge, place.rest));
            assert!(!between.is_next_exactly(value, edge - 1, place.rest));
        }
    }
}
