//! How much time and how many restarts an isolated plugin may take.

use std::time::Duration;

use serde::Deserialize;

/// `[isolation]` in experts.toml.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds until an answer counts as missing; opening a model may take ten times as long.
    pub timeout: f64,
    /// How often, in a run, an expert's workers may be started again.
    pub restarts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { timeout: 60.0, restarts: 100 }
    }
}

impl Limits {
    /// Refuses what cannot be meant.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if (0.01..=1e6).contains(&self.timeout) {
            return Ok(());
        }
        Err(format!("timeout: {} found, expected seconds from 0.01 to 1000000", self.timeout))
    }

    /// For one answer.
    #[cfg(unix)]
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }
}
