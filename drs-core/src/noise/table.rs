//! From uniform bits to rounded-Gaussian integers.

use std::sync::OnceLock;

use super::between::Between;
use super::scale::{CELL_BITS, ONE, REACH, REST_BITS};
use crate::double_double::DoubleDouble;
use crate::lattice::{Place, Quantum};
use crate::units::Sigma;

/// Marks a cell that holds the boundary between two or more values.
pub(super) const AMBIGUOUS: i16 = i16::MIN;
/// The largest σ/step: [`REACH`] times it, plus an input, fits an `i16`.
const MAX_RATIO: f64 = 2600.0;

/// Noise of this sigma does not fit the lattice.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "sigma {sigma} is {ratio:.1} steps of the quantum {quantum}; noise in 16-bit integers allows at most {MAX_RATIO} steps: take a coarser quantum"
)]
pub struct NoiseError {
    sigma: f64,
    ratio: f64,
    quantum: Quantum,
}

/// The distribution of round(φ + ε/step), ε ~ N(0, σ²), ready for drawing: φ is how far a value
/// of the input lies above a lattice point, in steps, and 0 on the lattice.
///
/// A draw is the inverse of the distribution function at an 80-bit uniform
/// number. Its top 16 bits pick a cell; a cell that lies within one value is
/// answered from a table, the others (3 % at σ/step = 255) spend the remaining
/// 64 bits on an exact comparison.
///
/// Off the lattice the thresholds are Φ((j + ½ − φ)·step/σ). They fall as φ rises and reach the
/// next lower ones of φ = 0 at φ = 1. So the value drawn is the one v of φ = 0 or v + 1, and one
/// comparison with the threshold at v tells which. 32 bits of the uniform number and bounds on
/// that threshold at the neighbouring multiples of 1/64 decide it 63 times in 64; for the others
/// the threshold is computed, in double precision and, where that is too close to tell, exactly.
///
/// # Distance from the exact distribution
/// Every threshold is within one unit of 2⁻⁸⁰ of the exact distribution
/// function: double-double gives 2⁻⁸⁸, rounding half a unit. A probability is
/// the difference of two thresholds, so with K values the total-variation
/// distance is at most ½·K·2·2⁻⁸⁰; the mass beyond the table is below one more
/// unit on each side. [`total_variation`](Self::total_variation) returns
/// (K + 2)·2⁻⁸⁰. Off the lattice K of the K + 1 values' thresholds are compared with, each within
/// one unit of exact as well, so the distance is at most K + 1 units: the same bound holds.
///
/// All of this is for the Gaussian whose σ/step is the double fl(σ·levels). Its σ differs from
/// the one declared by at most 2⁻⁵³ of it, so its distribution function by at most
/// φ(1)·2⁻⁵³ = 2.7·10⁻¹⁷. That is not charged to α: the certificate is one for noise of that σ,
/// and so is its radius, a factor of 1 ± 2⁻⁵³ away, which the guard of
/// [`quantile_lower`](crate::bounds::quantile_lower) covers many times over.
#[derive(Debug, Clone)]
pub struct NoiseTable {
    /// The value of each cell, or [`AMBIGUOUS`].
    cells: Box<[i16; 1 << CELL_BITS]>,
    /// `thresholds[j]` = F(lowest + j) · 2⁸⁰, the probability of at most that value.
    thresholds: Vec<u128>,
    lowest: i16,
    /// σ in steps.
    ratio: f64,
    /// For inputs off the lattice, made for the first one.
    between: OnceLock<Between>,
}

impl NoiseTable {
    /// # Errors
    /// If σ is more than 2,600 steps.
    pub fn new(sigma: Sigma, quantum: Quantum) -> Result<Self, NoiseError> {
        let (ratio, highest) = extent(sigma, quantum)?;
        let above_zero: Vec<u128> = (0..highest).map(|k| mass_up_to(k, ratio)).collect();
        // F(−1 − k) = ½ − m(k) and F(k) = ½ + m(k), with m the mass from 0 to k + ½.
        let below = above_zero.iter().rev().map(|mass| ONE / 2 - mass);
        let above = above_zero.iter().map(|mass| ONE / 2 + mass);
        let thresholds: Vec<u128> = below.chain(above).chain([ONE]).collect();
        let (cells, lowest) = (cells(&thresholds, -highest), -highest);
        Ok(Self { cells, thresholds, lowest, ratio, between: OnceLock::new() })
    }

    /// An upper bound on the total-variation distance of one draw from the
    /// exact rounded Gaussian.
    #[must_use]
    pub fn total_variation(&self) -> f64 {
        distance(self.thresholds.len())
    }

    /// The same of the table that [`new`](Self::new) would give, without making it.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn total_variation_of(sigma: Sigma, quantum: Quantum) -> Result<f64, NoiseError> {
        let (_, highest) = extent(sigma, quantum)?;
        // From −highest to highest.
        Ok(distance(2 * usize::from(highest.unsigned_abs()) + 1))
    }

    /// The value for each 16 bits, `i16::MIN` where 64 more bits decide.
    #[must_use]
    pub fn cells(&self) -> &[i16] {
        self.cells.as_slice()
    }

    /// Rising thresholds in units of 2⁻⁸⁰, the last of which is 1. Noise is
    /// [`lowest`](Self::lowest) plus the number of thresholds that are at most
    /// the 80 uniform bits.
    #[must_use]
    pub fn thresholds(&self) -> &[u128] {
        &self.thresholds
    }

    /// The lowest value of the noise.
    #[must_use]
    pub fn lowest(&self) -> i16 {
        self.lowest
    }

    /// The value for 16 uniform bits, and 64 more if they do not decide.
    #[inline]
    pub(super) fn value(&self, cell: u16, rest: impl FnOnce() -> u64) -> i16 {
        let value = self.cells[usize::from(cell)];
        if value == AMBIGUOUS { self.resolve(cell, rest()) } else { value }
    }

    /// The value of round(φ + ε/step) for 32 uniform bits, and 48 more if they do not decide.
    /// `part` is ⌊64·φ⌋, `place` tells φ itself.
    #[inline]
    pub(super) fn value_between(
        &self,
        between: &Between,
        top: u32,
        part: u8,
        rest: impl FnOnce() -> u64,
        place: impl FnOnce() -> Place,
    ) -> i16 {
        let value = self.cells[(top >> (u32::BITS - CELL_BITS)) as usize];
        let decided = match value {
            AMBIGUOUS => None,
            _ => between.is_next(value, top, usize::from(part)),
        };
        match decided {
            Some(next) => value + i16::from(next),
            None => self.resolve_between(between, top, rest(), place()),
        }
    }

    #[cold]
    fn resolve_between(&self, between: &Between, top: u32, rest: u64, place: Place) -> i16 {
        // 32 bits and 48 more are 80.
        let uniform = (u128::from(top) << 48) | u128::from(rest >> 16);
        let value = self.at(uniform);
        value + i16::from(between.is_next_exactly(value, uniform, place.rest))
    }

    /// What inputs off the lattice need.
    pub(super) fn between(&self) -> &Between {
        self.between.get_or_init(|| Between::new(self.ratio, self.lowest))
    }

    #[cold]
    fn resolve(&self, cell: u16, rest: u64) -> i16 {
        self.at((u128::from(cell) << REST_BITS) | u128::from(rest))
    }

    /// The value on the lattice at this point of the distribution function.
    fn at(&self, uniform: u128) -> i16 {
        nth(self.lowest, self.thresholds.partition_point(|&threshold| threshold <= uniform))
    }
}

/// σ in steps, and the highest value of the noise.
fn extent(sigma: Sigma, quantum: Quantum) -> Result<(f64, i16), NoiseError> {
    let ratio = sigma.get() * f64::from(quantum.levels());
    if ratio > MAX_RATIO {
        return Err(NoiseError { sigma: sigma.get(), ratio, quantum });
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 27,560 by MAX_RATIO")]
    let highest = (ratio * REACH).ceil() as i16;
    Ok((ratio, highest))
}

fn distance(values: usize) -> f64 {
    (values + 2) as f64 / ONE as f64
}

/// P(0 < Z·ratio ≤ k + ½) · 2⁸⁰.
fn mass_up_to(k: i16, ratio: f64) -> u128 {
    let x = DoubleDouble::from(f64::from(k) + 0.5) / DoubleDouble::from(ratio);
    if f64::from(k) + 0.5 > REACH * ratio {
        return ONE / 2;
    }
    x.normal_mass_above_zero().to_fixed_80().min(ONE / 2)
}

fn cells(thresholds: &[u128], lowest: i16) -> Box<[i16; 1 << CELL_BITS]> {
    let mut cells = Box::new([AMBIGUOUS; 1 << CELL_BITS]);
    let mut first = 0;
    for (cell, value) in (0u128..).zip(cells.iter_mut()) {
        let (start, last) = (cell << REST_BITS, ((cell + 1) << REST_BITS) - 1);
        while thresholds[first] <= start {
            first += 1;
        }
        if thresholds[first] > last {
            *value = nth(lowest, first);
        }
    }
    cells
}

fn nth(lowest: i16, index: usize) -> i16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "at most twice MAX_RATIO * REACH values"
    )]
    let offset = index as i32;
    #[expect(clippy::cast_possible_truncation, reason = "between -27,560 and 27,560")]
    let value = (i32::from(lowest) + offset) as i16;
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_within_one_unit_of_the_exact_distribution() {
        let rows = include_str!("../../tests/fixtures/rounded_gaussian.csv").lines();
        let mut checked = 0;
        let mut tables = std::collections::HashMap::new();
        for row in rows.filter(|row| !row.starts_with('#')).skip(1) {
            let [ratio, k, exact] = row.split(',').collect::<Vec<_>>().try_into().unwrap();
            let (ratio, k): (f64, i16) = (ratio.parse().unwrap(), k.parse().unwrap());
            let exact: u128 = exact.parse().unwrap();
            // The fixture's ratio is a double; so is sigma times levels here.
            let table = tables.entry(ratio.to_bits()).or_insert_with(|| {
                NoiseTable::new(Sigma::new(ratio).unwrap(), "1/1".parse().unwrap()).unwrap()
            });
            let index = i32::from(k) - i32::from(table.lowest);
            let found = match usize::try_from(index) {
                Err(_) => 0,
                Ok(index) => table.thresholds.get(index).copied().unwrap_or(ONE),
            };
            assert!(found.abs_diff(exact) <= 1, "ratio {ratio} k {k}: {found} {exact}");
            checked += 1;
        }
        assert!(checked > 200, "{checked} rows");
    }

    #[test]
    fn the_distance_needs_no_table() {
        for sigma in [1e-6, 0.12, 0.25, 1.0, 10.0] {
            let (sigma, quantum) = (Sigma::new(sigma).unwrap(), Quantum::EIGHT_BIT);
            let table = NoiseTable::new(sigma, quantum).unwrap();
            let found = NoiseTable::total_variation_of(sigma, quantum).unwrap();
            assert_eq!(found, table.total_variation());
        }
        let wide = Sigma::new(11.0).unwrap();
        assert!(NoiseTable::total_variation_of(wide, Quantum::EIGHT_BIT).is_err());
    }

    #[test]
    fn every_cell_gives_the_value_of_its_range() {
        let table = NoiseTable::new(Sigma::new(63.75).unwrap(), "1/1".parse().unwrap()).unwrap();
        for cell in (0..=u16::MAX).step_by(7) {
            for rest in [0, 1, u64::MAX / 3, u64::MAX] {
                assert_eq!(table.value(cell, || rest), table.resolve(cell, rest), "{cell} {rest}");
            }
        }
    }
}
