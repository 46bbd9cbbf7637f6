//! An analytic expert for tests and as the tutorial of `docs/writing-an-expert.md`.
//!
//! The score of an input x is s = w·x; sorted thresholds cut the line of scores
//! into bands, and each band votes for a class. With one threshold it is a
//! linear classifier, two halfspaces. Under noise N(0, σ²I) the score is normal
//! with deviation σ‖w‖, so the probability of the band (a, b) is
//! Φ((b − s)/(σ‖w‖)) − Φ((a − s)/(σ‖w‖)), and a halfspace's true radius is its
//! distance from the input.
//!
//! Inputs are lattice points and their noise is rounded. Where w looks at one
//! value only and thresholds lie half-way between lattice points, rounding
//! crosses no threshold and the closed form is exact.

#[cfg(test)]
mod conformance;

use std::path::PathBuf;

use drs_plugins_api::{Batch, Context, Error, ErrorKind, Manifest, Plugin, export_expert};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    sigma: f64,
    /// One weight per input value.
    weights: Vec<f64>,
    /// Rising scores at which the answer changes.
    thresholds: Vec<f64>,
    /// Names of the classes.
    classes: Vec<String>,
    /// Class index of each band, from the lowest score up; 0, 1, 2, … by default.
    bands: Option<Vec<u32>>,
}

struct Halfspace {
    config: Config,
    bands: Vec<u32>,
    shape: [usize; 3],
}

impl Plugin for Halfspace {
    const NAME: &'static str = "halfspace";
    type Config = Config;

    fn files(_: &Config, _: &Context) -> Result<Option<Vec<PathBuf>>, Error> {
        // All of it is in the configuration.
        Ok(Some(Vec::new()))
    }

    fn open(config: Config, context: &Context) -> Result<Self, Error> {
        let wrong = |message: String| Err(Error::new(ErrorKind::Config, message));
        let values: usize = context.shape().iter().product();
        if config.weights.len() != values {
            let found = config.weights.len();
            return wrong(format!(
                "weights: {found} found, expected {values} (one per input value)"
            ));
        }
        if !config.thresholds.is_sorted() {
            return wrong("thresholds: not in rising order".to_owned());
        }
        let expected = config.thresholds.len() + 1;
        let bands = match &config.bands {
            Some(bands) => bands.clone(),
            None => (0..).take(expected).collect(),
        };
        if bands.len() != expected {
            let found = bands.len();
            return wrong(format!("bands: {found} found, expected {expected} (thresholds + 1)"));
        }
        if let Some(class) = bands.iter().find(|&&class| class as usize >= config.classes.len()) {
            let found = config.classes.len();
            return wrong(format!("bands: class {class} found, expected an index below {found}"));
        }
        Ok(Self { config, bands, shape: context.shape() })
    }

    fn manifest(&self) -> Manifest {
        // Up to a megabyte of noisy inputs.
        let batch = (1 << 19) / self.shape.iter().product::<usize>().max(1);
        let Config { sigma, classes, .. } = &self.config;
        Manifest::new(*sigma, self.shape, classes.clone(), batch.clamp(16, 1024)).concurrency(0)
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        let weights = &self.config.weights;
        for (input, vote) in batch.lattice().chunks_exact(batch.values()).zip(votes) {
            let sum: f64 = input.iter().zip(weights).map(|(&x, w)| f64::from(x) * w).sum();
            let score = sum * batch.step();
            *vote = self.bands[self.config.thresholds.partition_point(|&t| t <= score)];
        }
        Ok(())
    }
}

export_expert!(Halfspace);
