//! Bounds on probabilities and their normal quantiles, always on the sound side.
//!
//! Special functions are statrs' where they can be trusted. Every result is
//! moved outward by more than its measured error, and a Clopper–Pearson bound
//! is accepted only if the binomial tail, summed term by term, lies on either
//! side of α around it; otherwise it is an error, never a number.

mod binomial;
mod clopper_pearson;
mod normal;

pub use binomial::two_sided_p_value;
pub use clopper_pearson::{lower, upper};
pub use normal::{quantile_lower, quantile_upper};

/// Why a bound could not be given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoundError {
    /// More successes than trials, or no trial at all.
    #[error(
        "{successes} successes in {trials} trials: expected at least one trial and no more successes than trials"
    )]
    Counts {
        /// Successes given.
        successes: u64,
        /// Trials given.
        trials: u64,
    },
    /// The numeric inverse did not bracket the bound.
    #[error(
        "the Clopper-Pearson bound for {successes} successes in {trials} trials at alpha {alpha:e} did not converge"
    )]
    NoConvergence {
        /// Successes given.
        successes: u64,
        /// Trials given.
        trials: u64,
        /// Level asked for.
        alpha: f64,
    },
}
