//! From uniform bits to rounded-Gaussian integers.

use super::double_double::DoubleDouble;
use crate::lattice::Quantum;
use crate::units::Sigma;

/// Marks a cell that holds the boundary between two or more values.
const AMBIGUOUS: i16 = i16::MIN;
/// Bits that pick the cell, and bits that decide inside an ambiguous one.
const CELL_BITS: u32 = 16;
const REST_BITS: u32 = 64;
/// One in the fixed-point scale of the distribution function.
const ONE: u128 = 1 << (CELL_BITS + REST_BITS);
/// Beyond this many σ the distribution function is 0 or 1 to 80 bits.
const REACH: f64 = 10.6;
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

/// The distribution of round(ε/step), ε ~ N(0, σ²), ready for drawing.
///
/// A draw is the inverse of the distribution function at an 80-bit uniform
/// number. Its top 16 bits pick a cell; a cell that lies within one value is
/// answered from a table, the others (3 % at σ/step = 255) spend the remaining
/// 64 bits on an exact comparison.
///
/// # Distance from the exact distribution
/// Every threshold is within one unit of 2⁻⁸⁰ of the exact distribution
/// function: double-double gives 2⁻⁸⁸, rounding half a unit. A probability is
/// the difference of two thresholds, so with K values the total-variation
/// distance is at most ½·K·2·2⁻⁸⁰; the mass beyond the table is below one more
/// unit on each side. [`total_variation`](Self::total_variation) returns
/// (K + 2)·2⁻⁸⁰.
#[derive(Debug, Clone)]
pub struct NoiseTable {
    /// The value of each cell, or [`AMBIGUOUS`].
    cells: Box<[i16; 1 << CELL_BITS]>,
    /// `thresholds[j]` = F(lowest + j) · 2⁸⁰, the probability of at most that value.
    thresholds: Vec<u128>,
    lowest: i16,
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
        Ok(Self { cells: cells(&thresholds, -highest), thresholds, lowest: -highest })
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

    #[cold]
    fn resolve(&self, cell: u16, rest: u64) -> i16 {
        let uniform = (u128::from(cell) << REST_BITS) | u128::from(rest);
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
