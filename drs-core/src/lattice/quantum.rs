//! The step of the lattice.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::LatticeError;

/// The largest denominator of a quantum: leaves room for noise in an `i16`.
pub const MAX_LEVELS: u16 = 4095;

/// The step of the lattice, 1/levels in input units. Written `"1/255"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantum {
    levels: u16,
}

impl Quantum {
    /// The step of 8-bit images, 1/255.
    pub const EIGHT_BIT: Self = Self { levels: 255 };

    /// The number of steps from 0 to 1.
    #[must_use]
    pub fn levels(self) -> u16 {
        self.levels
    }

    /// The step in input units.
    #[must_use]
    pub fn step(self) -> f64 {
        1.0 / f64::from(self.levels)
    }
}

impl FromStr for Quantum {
    type Err = LatticeError;
    fn from_str(text: &str) -> Result<Self, LatticeError> {
        text.trim()
            .strip_prefix("1/")
            .and_then(|levels| levels.trim().parse().ok())
            .filter(|levels| (1..=MAX_LEVELS).contains(levels))
            .map(|levels| Self { levels })
            .ok_or_else(|| LatticeError::Quantum(text.to_owned()))
    }
}

impl TryFrom<String> for Quantum {
    type Error = LatticeError;
    fn try_from(text: String) -> Result<Self, LatticeError> {
        text.parse()
    }
}

impl From<Quantum> for String {
    fn from(quantum: Quantum) -> Self {
        quantum.to_string()
    }
}

impl fmt::Display for Quantum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}", self.levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantum_is_one_over_levels() {
        assert_eq!("1/255".parse::<Quantum>().unwrap(), Quantum::EIGHT_BIT);
        for bad in ["255", "1/0", "2/255", "1/4096", "1/-3", "", "1/x"] {
            assert!(bad.parse::<Quantum>().is_err(), "{bad}");
        }
    }
}
