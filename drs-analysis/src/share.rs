//! A proportion and how well it is known.

use drs_core::bounds::{BoundError, lower, upper};
use drs_core::units::Alpha;
use serde::Serialize;

/// So many of so many inputs, in percent, with a 95 % confidence interval
/// (Clopper–Pearson): what another sample of inputs might have given.
///
/// Where draws stopped before it was decided how many there are, `count` and `percent`
/// are the fewest, and the interval is from that of the fewest to that of the most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// Inputs that count.
    pub count: usize,
    /// All inputs.
    pub inputs: usize,
    /// `count / inputs`, in percent.
    pub percent: f64,
    /// The most that there may be with all draws, in percent; `percent` if it is decided.
    pub at_most: f64,
    /// Lower end of the interval, in percent.
    pub low: f64,
    /// Upper end of the interval, in percent.
    pub high: f64,
}

impl Share {
    /// # Errors
    /// If a bound does not converge, or `count` exceeds `inputs`.
    pub fn new(count: usize, inputs: usize) -> Result<Self, BoundError> {
        Self::between(count, count, inputs)
    }

    /// From `count` to `most` of so many inputs.
    ///
    /// # Errors
    /// If a bound does not converge, or `most` exceeds `inputs`.
    pub fn between(count: usize, most: usize, inputs: usize) -> Result<Self, BoundError> {
        let tail = Alpha::new(0.025).unwrap_or_else(|_| unreachable!("0.025 is in (0, 1)"));
        let percent = |count: usize| 100.0 * count as f64 / inputs as f64;
        Ok(Self {
            count,
            inputs,
            percent: percent(count),
            at_most: percent(most),
            low: 100.0 * lower(count as u64, inputs as u64, tail)?,
            high: 100.0 * upper(most as u64, inputs as u64, tail)?,
        })
    }

    /// Whether it is decided how many there are.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.percent == self.at_most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_clopper_and_pearson_s() {
        // scipy.stats.binomtest(k, n).proportion_ci(0.95, "exact"), SciPy 1.17.1
        let fixtures = [
            (300, 500, 55.557_179_924_288_16, 64.323_862_794_000_97),
            (7, 10_000, 0.028_148_114_566_976_395, 0.144_173_230_914_971_45),
            (500, 500, 99.264_938_994_809_23, 100.0),
        ];
        for (count, inputs, low, high) in fixtures {
            let share = Share::new(count, inputs).unwrap();
            assert!(
                (share.low - low).abs() < 1e-6 && (share.high - high).abs() < 1e-6,
                "{share:?}"
            );
        }
        let none = Share::new(0, 500).unwrap();
        assert_eq!((none.percent, none.low), (0.0, 0.0));
        let (few, many) = (Share::new(300, 500).unwrap(), Share::new(320, 500).unwrap());
        let between = Share::between(300, 320, 500).unwrap();
        assert_eq!((between.low, between.high), (few.low, many.high));
        assert_eq!((between.percent, between.at_most), (60.0, 64.0));
        assert!(!between.is_decided() && few.is_decided());
    }
}
