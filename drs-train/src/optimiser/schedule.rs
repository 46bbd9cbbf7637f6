//! How the learning rate changes.

use serde::{Deserialize, Serialize};

/// A factor of the learning rate by time, in epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Schedule {
    /// Always 1.
    Constant,
    /// Multiplied by `factor` at each of these epochs.
    Steps {
        /// Epochs, counted from 0.
        at: Vec<f64>,
        /// What each multiplies by.
        factor: f64,
    },
    /// Half a cosine from 1 to 0, after a linear rise over `warmup` epochs.
    Cosine {
        /// Epochs.
        #[serde(default)]
        warmup: f64,
    },
}

impl Schedule {
    /// The factor at a time, both in epochs.
    #[must_use]
    pub fn factor(&self, epoch: f64, epochs: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Steps { at, factor } => {
                let passed = at.iter().filter(|&&step| epoch >= step).count();
                factor.powi(i32::try_from(passed).unwrap_or(i32::MAX))
            }
            Self::Cosine { warmup } if epoch < *warmup => epoch / warmup,
            Self::Cosine { warmup } => {
                let part = (epoch - warmup) / (epochs - warmup);
                0.5 * (1.0 + (std::f64::consts::PI * part.clamp(0.0, 1.0)).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_fall_as_told() {
        assert_eq!(Schedule::Constant.factor(7.0, 10.0), 1.0);
        let steps = Schedule::Steps { at: vec![3.0, 6.0], factor: 0.5 };
        assert_eq!(
            [0.0, 2.9, 3.0, 6.0, 9.0].map(|t| steps.factor(t, 9.0)),
            [1.0, 1.0, 0.5, 0.25, 0.25]
        );
        let cosine = Schedule::Cosine { warmup: 2.0 };
        assert_eq!([0.0, 1.0, 2.0].map(|t| cosine.factor(t, 10.0)), [0.0, 0.5, 1.0]);
        assert!((cosine.factor(6.0, 10.0) - 0.5).abs() < 1e-12);
        assert!(cosine.factor(10.0, 10.0).abs() < 1e-12);
    }
}
