//! `drs train expert`: a base classifier that stands noise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use drs_data::InputSpec;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::config::{Data, Precision};
use crate::export::SHAPE;
use crate::images::{Augment, Images, random};
use crate::loss::{Consistency, consistency, cross_entropy};
use crate::network::{Mode, Network};
use crate::run::{Plan, Run, Step, Task};
use crate::start::{Start, keep_settings};

/// The settings, as a TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What inputs look like, as in experts.toml.
    pub input: InputSpec,
    /// The data.
    pub data: Data,
    /// Name of the architecture.
    pub arch: String,
    /// Weights to start from: a checkpoint of the same architecture.
    #[serde(default)]
    pub init: Option<PathBuf>,
    /// Noise level.
    pub sigma: f64,
    /// Noise levels in training are drawn from `sigma_from` to `sigma`, if given.
    #[serde(default)]
    pub sigma_from: Option<f64>,
    /// Weights of consistency regularisation; without, plain Gaussian augmentation.
    #[serde(default)]
    pub consistency: Option<Consistency>,
    /// Noisy copies of each input in a batch.
    #[serde(default = "one")]
    pub copies: usize,
    /// How images are changed.
    #[serde(default)]
    pub augment: Augment,
    /// Number format of convolutions.
    #[serde(default)]
    pub precision: Precision,
    /// `cpu`, `cuda` or `cuda:N`.
    #[serde(default = "cpu")]
    pub device: String,
    /// Epochs, optimiser and the like.
    pub train: Plan,
}

fn one() -> usize {
    1
}

pub(crate) fn cpu() -> String {
    "cpu".to_owned()
}

/// What purposes random numbers have.
const AUGMENT: u64 = 2;

struct Training<'a> {
    config: &'a Config,
    images: Images,
    held_out: Images,
    classes: Vec<String>,
    device: Device,
}

/// Trains an expert into `folder`, or continues.
///
/// # Errors
/// If a setting is wrong, data cannot be read, or a file cannot be written.
pub fn train(config: &Config, folder: &Path) -> anyhow::Result<()> {
    ensure!(config.sigma >= 0.0, "sigma: {} found, expected a number from 0", config.sigma);
    ensure!(config.copies > 0, "copies: 0 found, expected at least 1");
    let (images, held_out, names) = config.data.read(config.input)?;
    let count = images.classes()?;
    let classes = names.unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect());
    ensure!(classes.len() >= count, "{} class names for {count} classes", classes.len());
    let mut network = Start {
        arch: &config.arch,
        input: config.input,
        classes: classes.len(),
        init: config.init.as_ref(),
        precision: config.precision,
        device: &config.device,
        seed: config.train.seed,
    }
    .network()?;
    let device = network.device();
    let task = Training { config, images, held_out, classes, device };
    let settings = keep_settings(config, folder)?;
    Run { task: &task, plan: &config.train, settings, folder: folder.to_owned() }
        .train(&mut network)
}

impl Training<'_> {
    /// Noisy copies, one after the other.
    fn noisy(&self, inputs: &Tensor) -> Tensor {
        let copies = i64::try_from(self.config.copies).unwrap_or(1);
        let inputs = inputs.repeat([copies, 1, 1, 1]);
        let noise = inputs.randn_like();
        let sigma = match self.config.sigma_from {
            None => noise * self.config.sigma,
            Some(from) => {
                let n = inputs.size()[0] / copies;
                let mut each = Tensor::empty([n, 1, 1, 1], (Kind::Float, self.device));
                noise * each.uniform_(from, self.config.sigma).repeat([copies, 1, 1, 1])
            }
        };
        inputs + sigma
    }
}

impl Task for Training<'_> {
    fn inputs(&self) -> usize {
        self.images.len()
    }

    fn loss(&self, network: &Network, step: &Step<'_>) -> Tensor {
        let mut random = random(self.config.train.seed, AUGMENT, step.seed);
        let inputs = self.images.batch(step.batch, self.config.augment, &mut random, self.device);
        let labels = self.images.labels_of(step.batch, self.device);
        let copies = i64::try_from(self.config.copies).unwrap_or(1);
        let logits = network.forward(&self.noisy(&inputs), Mode::Train);
        let loss = cross_entropy(&logits, &labels.repeat([copies])).mean(Kind::Float);
        match self.config.consistency {
            None => loss,
            Some(weights) => {
                let logits = logits.reshape([copies, -1, logits.size()[1]]);
                loss + consistency(&logits, weights).mean(Kind::Float)
            }
        }
    }

    /// Accuracy under one draw of noise for each input, always the same.
    fn evaluate(&self, network: &Network) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let places: Vec<usize> = (0..self.held_out.len()).collect();
        let mut right = 0;
        tch::manual_seed(0);
        for batch in places.chunks(500) {
            let inputs =
                self.held_out.batch(batch, Augment::default(), &mut random(0, 0, 0), self.device);
            let noisy = &inputs + inputs.randn_like() * self.config.sigma;
            let answers = tch::no_grad(|| network.forward(&noisy, Mode::Eval)).argmax(-1, false);
            let labels = self.held_out.labels_of(batch, self.device);
            right += answers.eq_tensor(&labels).sum(Kind::Int64).int64_value(&[]);
        }
        Ok(vec![("accuracy", right as f64 / self.held_out.len() as f64)])
    }

    fn notes(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("drs.sigma".to_owned(), self.config.sigma.to_string()),
            (SHAPE.to_owned(), self.config.input.shape.to_string()),
            ("drs.classes".to_owned(), self.classes.join(",")),
        ])
    }
}
