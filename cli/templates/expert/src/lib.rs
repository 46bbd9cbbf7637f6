//! An expert: which class is each of these noisy inputs?
//!
//! This one compares the mean value of an input with thresholds, so that it works as it is. Put your
//! model in its place: read it in `open`, describe it in `manifest`, run it in `vote`.

use drs_plugins_api::{Batch, Context, Error, ErrorKind, Manifest, Plugin, argmax, export_expert};

/// The `config` table of experts.toml. A misspelt key is an error that names it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Noise level that the model was trained for, in units of pixels from 0 to 1.
    sigma: f64,
    /// Names of the classes.
    classes: Vec<String>,
    /// For each class the mean value that is most typical of it.
    means: Vec<f32>,
}

/// A model that was opened.
struct Expert {
    config: Config,
    shape: [usize; 3],
}

impl Plugin for Expert {
    const NAME: &'static str = "{{crate}}";
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, Error> {
        let (found, expected) = (config.means.len(), config.classes.len());
        if found != expected {
            let message = format!("means: {found} found, expected {expected} (one for each class)");
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Self { config, shape: context.shape() })
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            sigma: self.config.sigma,
            shape: self.shape,
            classes: self.config.classes.clone(),
            preferred_batch: 256,
            // `vote` only reads: it may be called any number of times at once.
            concurrency: 0,
            // Name the files of weights here: certificates hold their digests.
            files: Vec::new(),
            capabilities: Vec::new(),
        }
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        let mut pixels = Vec::new();
        batch.to_f32(&mut pixels);
        let mut logits = Vec::with_capacity(batch.rows() * self.config.means.len());
        for input in pixels.chunks_exact(batch.values()).take(batch.rows()) {
            let mean = input.iter().sum::<f32>() / input.len() as f32;
            logits.extend(self.config.means.iter().map(|typical| -(mean - typical).abs()));
        }
        // Ties go to the lowest class, values that are not finite are errors.
        argmax(&logits, votes)
    }
}

export_expert!(Expert);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bright_inputs_are_told_from_dark_ones() {
        let classes = vec!["dark".to_owned(), "bright".to_owned()];
        let config = Config { sigma: 0.25, classes, means: vec![0.2, 0.8] };
        let expert = Expert { config, shape: [1, 2, 2] };
        let inputs = [10, 20, 30, 40, 200, 210, 220, 250];
        let batch = Batch::new(&inputs, 2, [1, 2, 2], 255).unwrap();
        let mut votes = [9; 2];
        expert.vote(&batch, &mut votes).unwrap();
        assert_eq!(votes, [0, 1]);
    }
}
