//! Group-sequential designs: when to look at the votes, and what each look may spend.
//!
//! A design is fixed before the first estimation draw: looks at growing numbers
//! of draws n₁ < … < n_K = N, each with a share w_k of the stage's α, Σ w_k ≤ 1.
//! At look k a bound is Clopper–Pearson at level w_k·α on the first n_k draws.
//!
//! **Why any stopping rule is valid.** Imagine all N draws made. The bound of
//! look k is a function of the first n_k of them and is wrong with probability
//! at most w_k·α; so with probability at least 1 − α (union bound) the bounds of
//! *all* looks hold at once. On that event the best of them holds. It does not
//! matter which looks are taken, why drawing stopped, or whether other stages
//! or inputs had to do with it: the stopping rule chooses among true statements.
//! Nothing is assumed about this rule, so it may be as greedy as it likes.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::error::ProtocolError;
use crate::units::{Alpha, UnitError};

/// How many times the draws of one look the next may have.
pub const GROWTHS: RangeInclusive<f64> = 1.01..=100.0;

/// What is left out of the shares, so that their sum cannot exceed one by rounding.
const MARGIN: f64 = 1e-12;

/// When a stage's votes are looked at: numbers of draws that grow by a factor
/// up to N, with most of α kept for the last look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// No look before this many draws, at least 1.
    pub first: u64,
    /// Each look has about this many times the draws of the one before; from 1.01 to 100.
    pub growth: f64,
    /// The last look's share of the stage's α, in (0, 1). The looks before it
    /// share the rest, the later ones more: the k-th k times what the first has.
    pub last: f64,
}

impl Default for Schedule {
    /// About twenty looks up to 10,000 draws, three quarters of α for the last.
    ///
    /// Three quarters rather than half: with N = 10,000 and α = 0.001 the
    /// largest radius of the usual grid at σ = 0.25 allows as many deviating
    /// votes at 0.75·α as at α, but fewer at 0.7·α.
    fn default() -> Self {
        Self { first: 100, growth: 1.25, last: 0.75 }
    }
}

impl Schedule {
    /// The looks of a question about one radius: earlier ones, and more.
    ///
    /// A clear input needs some tens of draws for one radius. Where hundreds are needed anyway, as
    /// for many radii, what early looks spend of α would cost more than they save.
    #[must_use]
    pub fn one_radius() -> Self {
        Self { first: 15, growth: 1.15, ..Self::default() }
    }

    /// # Errors
    /// If a field is out of range.
    pub fn validate(&self) -> Result<(), ProtocolError> {
        let wrong = |name, found, expected| Err(ProtocolError::Design { name, found, expected });
        if self.first == 0 {
            return wrong("first", 0.0, "at least 1 draw");
        }
        if !GROWTHS.contains(&self.growth) {
            return wrong("growth", self.growth, "from 1.01 to 100");
        }
        if !(self.last > 0.0 && self.last < 1.0) {
            return wrong("last", self.last, "strictly between 0 and 1");
        }
        Ok(())
    }
}

/// One look at a stage's votes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Draws made by then, from the first on.
    pub draws: u64,
    /// Share of the stage's α that the look's bounds spend.
    pub share: f64,
}

/// The looks of a stage, in order; the last is at N.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    looks: Vec<Look>,
}

impl Design {
    /// One look after all `n` draws, with all of α: the published procedures.
    #[must_use]
    pub fn fixed(n: u64) -> Self {
        Self { looks: vec![Look { draws: n, share: 1.0 }] }
    }

    /// Looks up to `n` draws as the schedule has it.
    #[must_use]
    pub fn sequential(n: u64, schedule: &Schedule) -> Self {
        let mut draws = vec![n];
        let before = |later: u64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "≤ later")]
            let earlier = (later as f64 / schedule.growth).ceil() as u64;
            (earlier >= schedule.first && earlier < later).then_some(earlier)
        };
        draws.extend(std::iter::successors(before(n), |&later| before(later)));
        draws.reverse();
        let earlier = draws.len() - 1;
        if earlier == 0 {
            return Self::fixed(n);
        }
        let weights = (earlier * (earlier + 1) / 2) as f64;
        let share = |look: usize| {
            let share = if look == earlier {
                schedule.last
            } else {
                (1.0 - schedule.last) * (look + 1) as f64 / weights
            };
            share * (1.0 - MARGIN)
        };
        let looks = draws.into_iter().enumerate();
        Self { looks: looks.map(|(look, draws)| Look { draws, share: share(look) }).collect() }
    }

    /// All looks, the one with the fewest draws first.
    #[must_use]
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }
}

impl Look {
    /// The level at this look of a bound that may spend `alpha` over all looks.
    ///
    /// # Errors
    /// If the share is so small that nothing is left.
    pub fn level(&self, alpha: Alpha) -> Result<Alpha, UnitError> {
        if self.share == 1.0 { Ok(alpha) } else { alpha.share(self.share) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_up_to_n_and_their_shares_fit() {
        for n in [1, 2, 99, 100, 101, 1000, 10_000, 100_000, 10_000_000] {
            for growth in [1.01, 1.25, 2.0, 10.0] {
                for first in [1, 100] {
                    let schedule = Schedule { first, growth, ..Schedule::default() };
                    schedule.validate().unwrap();
                    let design = Design::sequential(n, &schedule);
                    let looks = design.looks();
                    assert_eq!(looks.last().unwrap().draws, n);
                    assert!(looks.windows(2).all(|w| w[0].draws < w[1].draws));
                    assert!(looks.iter().all(|look| look.share > 0.0));
                    assert!(looks.len() == 1 || looks[0].draws >= first);
                    assert!(looks.iter().map(|look| look.share).sum::<f64>() <= 1.0);
                }
            }
        }
    }

    #[test]
    fn levels_spent_at_all_looks_fit_the_budget() {
        let alpha = Alpha::new(0.001).unwrap();
        let design = Design::sequential(100_000, &Schedule::default());
        let spent: f64 = design.looks().iter().map(|l| l.level(alpha).unwrap().get()).sum();
        assert!(spent <= 0.001 && spent > 0.000_999);
        assert_eq!(Design::fixed(100).looks()[0].level(alpha).unwrap(), alpha);
    }

    #[test]
    fn a_field_out_of_range_is_named() {
        for (schedule, name) in [
            (Schedule { first: 0, ..Schedule::default() }, "first"),
            (Schedule { growth: 1.0, ..Schedule::default() }, "growth"),
            (Schedule { growth: f64::NAN, ..Schedule::default() }, "growth"),
            (Schedule { last: 1.0, ..Schedule::default() }, "last"),
        ] {
            assert!(schedule.validate().unwrap_err().to_string().contains(name));
        }
    }
}
