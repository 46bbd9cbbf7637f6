//! A published log as vote probabilities.

use std::path::Path;

use drs_analysis::Log;
use drs_core::bounds::lower;
use drs_core::pool::{Model, Pool};
use drs_core::units::{Alpha, Sigma};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use statrs::distribution::{ContinuousCDF as _, Normal};

/// Draws and level behind the published radii.
const DRAWS: u64 = 100_000;
const ALPHA: f64 = 0.001;

/// The inputs of a log.
pub(super) struct Published {
    pub(super) sigma: Sigma,
    pub(super) inputs: Vec<Input>,
}

/// One input's share of votes for the class that was selected.
pub(super) struct Input {
    pub(super) p: f64,
    pub(super) correct: bool,
}

impl Published {
    /// One expert of two classes: the one that the log has, and all others.
    pub(super) fn pool(&self) -> Pool {
        let model = Model { name: "published".into(), sigma: self.sigma, distance_per_draw: 0.0 };
        Pool { router: None, experts: vec![model], classes: 2, blend: Vec::new() }
    }

    pub(super) fn read(path: &Path, sigma: Sigma, skip: usize) -> anyhow::Result<Self> {
        let rows = Log::read(path)?.rows;
        let step = if rows.len() > 1000 { skip.max(1) } else { 1 };
        let alpha = Alpha::new(ALPHA)?;
        let mut rng = StdRng::seed_from_u64(0);
        let mut inputs = Vec::new();
        for row in rows.iter().step_by(step) {
            // An abstention says only that p_A was not seen to be above ½; how
            // far below is a guess.
            let below = rng.random_range(0.25..0.5);
            let p = match row.predict {
                Some(_) => votes(probability(row.radius, sigma), alpha)?,
                None => below,
            };
            inputs.push(Input { p, correct: row.correct() || row.predict.is_none() });
        }
        Ok(Self { sigma, inputs })
    }
}

/// Φ(r/σ): the probability that a radius asks for.
pub(super) fn probability(radius: f64, sigma: Sigma) -> f64 {
    Normal::standard().cdf(radius / sigma.get())
}

/// The share of votes whose Clopper–Pearson bound is `bound`.
fn votes(bound: f64, alpha: Alpha) -> anyhow::Result<f64> {
    let (mut low, mut high) = (0, DRAWS);
    while low < high {
        let middle = low.midpoint(high);
        if lower(middle, DRAWS, alpha)? < bound {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok((low as f64 + 0.5) / (DRAWS + 1) as f64)
}
