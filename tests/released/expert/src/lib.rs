//! A linear classifier of two classes: what `experts/halfspace` answers with one threshold.

use drs_plugins_api::{Batch, Context, Error, ErrorKind, Manifest, Plugin, export_expert};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    sigma: f64,
    weights: Vec<f64>,
    thresholds: [f64; 1],
    classes: [String; 2],
}

struct Released {
    config: Config,
    shape: [usize; 3],
}

impl Plugin for Released {
    const NAME: &'static str = "released";
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, Error> {
        let expected: usize = context.shape().iter().product();
        if config.weights.len() != expected {
            let message = format!("weights: expected {expected}, one for each value");
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Self { config, shape: context.shape() })
    }

    fn manifest(&self) -> Manifest {
        let Config { sigma, classes, .. } = &self.config;
        Manifest::new(*sigma, self.shape, classes.to_vec(), 64).concurrency(0)
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        let Config { weights, thresholds, .. } = &self.config;
        for (input, vote) in batch.lattice().chunks_exact(batch.values()).zip(votes) {
            let sum: f64 = input.iter().zip(weights).map(|(&x, w)| f64::from(x) * w).sum();
            *vote = u32::from(sum * batch.step() >= thresholds[0]);
        }
        Ok(())
    }
}

export_expert!(Released);
