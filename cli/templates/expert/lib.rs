//! The expert `{{name}}` of drs. Its model is linear: put your own in its place.

mod model;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use drs_plugins_api::{Batch, Context, Error, ErrorKind, Manifest, Plugin, argmax, export_expert};

use model::Model;

/// The `config` table of experts.toml. A misspelt key is an error.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Path of the model, from experts.toml.
    model: PathBuf,
}

struct Expert {
    model: Model,
    path: PathBuf,
}

impl Plugin for Expert {
    const NAME: &'static str = "{{name}}";
    type Config = Config;

    /// All that `open` reads: drs copies and digests these files, and opens the copies.
    fn files(config: &Config, context: &Context) -> Result<Option<Vec<PathBuf>>, Error> {
        Ok(Some(vec![context.resolve(&config.model)]))
    }

    fn open(config: Config, context: &Context) -> Result<Self, Error> {
        let path = context.resolve(config.model);
        let model = Model::read(&path)?;
        if model.shape != context.shape() {
            let (found, expected) = (model.shape, context.shape());
            let message = format!(
                "{}: shape: {found:?} found, expected {expected:?}, that of the inputs",
                path.display()
            );
            return Err(Error::new(ErrorKind::Model, message).hint("change [input] shape"));
        }
        Ok(Self { model, path })
    }

    fn manifest(&self) -> Manifest {
        let model = &self.model;
        // In batches of 64 it is fast.
        Manifest::new(model.sigma, model.shape, model.classes.clone(), 64)
            // Any number of calls at once: `vote` keeps nothing.
            .concurrency(0)
            // Their digests go into every certificate.
            .files(vec![self.path.clone()])
    }

    /// A vote depends on its own input alone: not on its place, its neighbours or earlier
    /// batches. `argmax` gives ties to the lowest class and refuses what is not finite.
    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        let mut pixels = Vec::new();
        batch.to_f32(&mut pixels);
        let inputs = pixels.chunks_exact(batch.values());
        let logits: Vec<f32> = inputs.flat_map(|input| self.model.logits(input)).collect();
        argmax(&logits, votes)
    }
}

export_expert!(Expert);
