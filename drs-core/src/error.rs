//! The error for a protocol or pool that cannot be certified with. Every part of a protocol may
//! cause it, so it has a module of its own.

use crate::units::{MOST_DRAWS, UnitError};

/// A protocol or pool that cannot be certified with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProtocolError {
    /// A number of draws is zero.
    #[error("{name} is {found}, expected 1 to {MOST_DRAWS} draws")]
    Draws {
        /// Field of [`Protocol`](crate::protocol::Protocol).
        name: &'static str,
        /// Value found.
        found: u64,
    },
    /// A share of α is out of range.
    #[error("the share `{name}` of alpha is {found}, expected {expected}")]
    Split {
        /// Field of [`AlphaSplit`](crate::protocol::AlphaSplit).
        name: &'static str,
        /// Value found.
        found: f64,
        /// Range expected.
        expected: &'static str,
    },
    /// A field of the sampling design is out of range.
    #[error("`{name}` of the sampling design is {found}, expected {expected}")]
    Design {
        /// Field of [`Schedule`](crate::design::Schedule), or what it is to decide.
        name: &'static str,
        /// Value found.
        found: f64,
        /// Range expected.
        expected: &'static str,
    },
    /// The pool lacks what the method needs.
    #[error("{0}")]
    Pool(String),
    /// The sampler's distance from the exact distribution exceeds α.
    #[error(
        "the noise sampler may be off by {distance:e} over all draws, which leaves nothing of alpha {alpha:e}: take a larger alpha, or fewer draws"
    )]
    Distance {
        /// Total-variation distance of all draws together.
        distance: f64,
        /// α asked for.
        alpha: f64,
    },
    /// α is too small to be shared among the bounds.
    #[error(
        "a share of alpha vanishes ({0}): take a larger alpha, or larger shares under [alpha] in experts.toml"
    )]
    Alpha(UnitError),
}

impl From<UnitError> for ProtocolError {
    fn from(error: UnitError) -> Self {
        Self::Alpha(error)
    }
}
