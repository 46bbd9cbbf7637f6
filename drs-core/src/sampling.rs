//! How many draws a certificate takes: a fixed number, or as many as the question needs.

use serde::{Deserialize, Serialize};

use crate::design::{Design, Schedule};
use crate::error::ProtocolError;
use crate::selection::Selection;
use crate::units::counts_at;

/// The radii at which results are usually compared.
pub const USUAL_RADII: [f64; 11] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5];

/// How the estimation draws of a stage are taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// All N draws in one look, as published.
    #[default]
    Fixed,
    /// Up to N draws in several looks, until the question is answered.
    Sequential(Sequential),
}

/// Sequential sampling: when to look, and when to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequential {
    /// The looks; part of the bounds' levels.
    #[serde(default)]
    pub schedule: Schedule,
    /// When to stop; not part of the bounds' levels (see [`crate::design`]).
    pub stopping: Stopping,
    /// Draws are given up when what they could still gain has about this
    /// probability or less, by a normal approximation. From 0 (only when they
    /// cannot gain anything) to 0.5. Costs radius, never validity.
    #[serde(default = "default_futility")]
    pub futility: f64,
    /// The selection draws; not part of the bounds' levels (see [`crate::selection`]).
    #[serde(default)]
    pub selection: Selection,
}

fn default_futility() -> f64 {
    Sequential::FUTILITY
}

impl Sequential {
    /// The probability at which draws are given up by default.
    pub const FUTILITY: f64 = 0.01;

    /// The usual looks for a question, and the default futility.
    ///
    /// Where the question is one radius, the looks begin early, and the selection ends when one
    /// class is clearly ahead.
    #[must_use]
    pub fn new(stopping: Stopping) -> Self {
        let (schedule, selection) = match &stopping {
            Stopping::Radii(radii) if radii.len() == 1 => {
                (Schedule::one_radius(), Selection::Clear)
            }
            _ => (Schedule::default(), Selection::All),
        };
        Self { schedule, stopping, futility: Self::FUTILITY, selection }
    }
}

/// What the draws are for: they stop when no more of them can matter to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopping {
    /// The largest radius: until draws cannot raise it.
    Full,
    /// The radius but for a part: until draws cannot raise it by more than
    /// this share of itself. Not negative.
    Tolerance(f64),
    /// For each of these radii, whether the input is certified there: with a radius of at
    /// least that, at 0 with any above it.
    Radii(Vec<f64>),
}

impl Stopping {
    /// Whether it still matters if a radius of `now` becomes one of `reach`.
    ///
    /// At most zero, or −∞, stands for abstaining.
    #[must_use]
    pub fn open(&self, now: f64, reach: f64) -> bool {
        let now = now.max(0.0);
        match self {
            Self::Full => reach > now,
            Self::Tolerance(share) => reach > now * (1.0 + share),
            Self::Radii(radii) => radii.iter().any(|&r| !counts_at(now, r) && counts_at(reach, r)),
        }
    }

    fn validate(&self) -> Result<(), ProtocolError> {
        let wrong = |name, found, expected| Err(ProtocolError::Design { name, found, expected });
        match self {
            Self::Full => Ok(()),
            Self::Tolerance(share) if share.is_finite() && *share >= 0.0 => Ok(()),
            Self::Tolerance(share) => wrong("tolerance", *share, "a finite number from 0"),
            Self::Radii(radii) if radii.is_empty() => wrong("radii", 0.0, "at least one radius"),
            Self::Radii(radii) => match radii.iter().find(|r| !(r.is_finite() && **r >= 0.0)) {
                Some(&radius) => wrong("radii", radius, "finite numbers from 0"),
                None => Ok(()),
            },
        }
    }
}

impl Sampling {
    /// The looks of a stage of at most `n` draws.
    #[must_use]
    pub fn design(&self, n: u64) -> Design {
        match self {
            Self::Fixed => Design::fixed(n),
            Self::Sequential(sequential) => Design::sequential(n, &sequential.schedule),
        }
    }

    /// How the selection draws are taken.
    #[must_use]
    pub fn selection(&self) -> Selection {
        match self {
            Self::Fixed => Selection::All,
            Self::Sequential(sequential) => sequential.selection,
        }
    }

    /// Whether it still matters if a radius of `now` becomes one of `reach`.
    #[must_use]
    pub fn open(&self, now: f64, reach: f64) -> bool {
        match self {
            Self::Fixed => Stopping::Full.open(now, reach),
            Self::Sequential(sequential) => sequential.stopping.open(now, reach),
        }
    }

    /// The probability below which a gain is given up.
    #[must_use]
    pub fn futility(&self) -> f64 {
        match self {
            Self::Fixed => 0.0,
            Self::Sequential(sequential) => sequential.futility,
        }
    }

    /// # Errors
    /// If a field is out of range.
    pub fn validate(&self) -> Result<(), ProtocolError> {
        let Self::Sequential(sequential) = self else { return Ok(()) };
        sequential.schedule.validate()?;
        sequential.stopping.validate()?;
        if (0.0..=0.5).contains(&sequential.futility) {
            return Ok(());
        }
        let expected = "from 0 to 0.5";
        Err(ProtocolError::Design { name: "futility", found: sequential.futility, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_open_while_draws_can_change_its_answer() {
        let grid = Stopping::Radii(vec![0.0, 0.5]);
        assert!(grid.open(f64::NEG_INFINITY, 0.1));
        assert!(!grid.open(f64::NEG_INFINITY, 0.0), "a radius of 0 abstains");
        assert!(grid.open(0.1, 0.5), "0.5 counts at 0.5");
        assert!(!grid.open(0.1, 0.499_999));
        assert!(!grid.open(0.5, 0.500_001), "0.5 counts at 0.5 already");
        assert!(!grid.open(0.6, 9.0));
        let near = Stopping::Tolerance(0.1);
        assert!(near.open(0.0, 0.01) && near.open(1.0, 1.2) && !near.open(1.0, 1.05));
        assert!(Stopping::Full.open(1.0, 1.000_001) && !Stopping::Full.open(1.0, 1.0));
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let problem = |stopping, futility| {
            let sequential = Sequential { futility, ..Sequential::new(stopping) };
            Sampling::Sequential(sequential).validate().unwrap_err().to_string()
        };
        assert!(problem(Stopping::Radii(vec![]), 0.01).contains("radii"));
        assert!(problem(Stopping::Radii(vec![0.0, f64::NAN]), 0.01).contains("radii"));
        assert!(problem(Stopping::Tolerance(-0.1), 0.01).contains("tolerance"));
        assert!(problem(Stopping::Full, 0.6).contains("futility"));
    }
}
