//! From votes to the radii that experts certify.

use drs_core::bounds::lower;
use drs_core::rule::signed_radius_lower;
use drs_core::units::{Alpha, Sigma};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::Labels;

/// Which radius votes stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Radius {
    /// What the share of votes would certify if it were the share of 10,000, at
    /// α = 0.001: as the paper's files suggest.
    #[default]
    Mapped,
    /// What these votes certify at α = 0.001.
    Certified,
}

/// Draws that a mapped radius imagines.
const IMAGINED: u64 = 10_000;

/// R_c of every input (rows) by every expert, 0 where the most votes are for
/// another class or nothing is certified.
///
/// # Errors
/// If a bound does not converge.
pub fn radii(labels: &Labels, kind: Radius) -> anyhow::Result<Array2<f32>> {
    let alpha = Alpha::new(0.001)?;
    let draws = labels.header.draws;
    // Few numbers of votes come up, over and over.
    let mut known = std::collections::HashMap::new();
    let mut radius = |count: u64, sigma: Sigma| -> anyhow::Result<f64> {
        let key = (count, sigma.get().to_bits());
        if let Some(&radius) = known.get(&key) {
            return Ok(radius);
        }
        let (count, total) = match kind {
            Radius::Mapped => (count * IMAGINED / draws, IMAGINED),
            Radius::Certified => (count, draws),
        };
        let radius = signed_radius_lower(sigma, lower(count, total, alpha)?).max(0.0);
        known.insert(key, radius);
        Ok(radius)
    };
    let mut all = Array2::zeros((labels.labels.len(), labels.header.experts.len()));
    for (input, &label) in labels.labels.iter().enumerate() {
        for (expert, model) in labels.header.experts.iter().enumerate() {
            let votes = labels.votes.index_axis(Axis(0), input);
            let votes = votes.index_axis(Axis(0), expert);
            let own = votes[label];
            // Ties go to the lowest index, as in certificates.
            let wins = votes
                .iter()
                .enumerate()
                .all(|(class, &count)| count < own || (count == own && class >= label));
            if wins {
                #[expect(clippy::cast_possible_truncation, reason = "a training target")]
                let radius = radius(u64::from(own), model.sigma)? as f32;
                all[[input, expert]] = radius;
            }
        }
    }
    Ok(all)
}
