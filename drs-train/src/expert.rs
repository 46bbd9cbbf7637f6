//! `drs train expert`: a base classifier that stands noise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use drs_data::InputSpec;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::adaptive::{Adaptive, Places};
use crate::adversary::Adversary;
use crate::config::{Data, Precision};
use crate::export::SHAPE;
use crate::images::{Augment, Images, random};
use crate::loss::{Consistency, consistency, cross_entropy};
use crate::network::{Mode, Network};
use crate::run::{Plan, Run, Step, Task};
use crate::start::Start;

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
    /// Which weights of `init`, where it holds several sets: a key or prefix, `ema` or `raw`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Per channel: inputs become (x − mean)/std. As in `init` by default, and without one as
    /// is usual for the architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// See `mean`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
    /// Noise level.
    pub sigma: f64,
    /// Noise levels in training are drawn from `sigma_from` to `sigma`, if given.
    #[serde(default)]
    pub sigma_from: Option<f64>,
    /// Noise where a router sends inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<Adaptive>,
    /// Weights of consistency regularisation; without, plain Gaussian augmentation.
    #[serde(default)]
    pub consistency: Option<Consistency>,
    /// SmoothAdv: inputs are moved against the smoothed classifier first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adversary: Option<Adversary>,
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
    /// Where the router sends images, and those held out.
    places: Option<[Places; 2]>,
    device: Device,
}

/// Trains an expert into `folder`, or continues.
///
/// # Errors
/// If a setting is wrong, data cannot be read, or a file cannot be written.
pub fn train(config: &Config, folder: &Path) -> anyhow::Result<()> {
    ensure!(config.sigma >= 0.0, "sigma: {} found, expected a number from 0", config.sigma);
    ensure!(config.copies > 0, "copies: 0 found, expected at least 1");
    config.adversary.as_ref().map_or(Ok(()), Adversary::check)?;
    let (images, held_out, names) = config.data.read(config.input)?;
    let count = images.classes()?;
    let classes = names.unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect());
    ensure!(classes.len() >= count, "{} class names for {count} classes", classes.len());
    let mut network = Start {
        arch: &config.arch,
        input: config.input,
        classes: classes.len(),
        init: config.init.as_ref(),
        weights: config.weights.as_deref(),
        mean: config.mean.as_ref(),
        std: config.std.as_ref(),
        precision: config.precision,
        device: &config.device,
        seed: config.train.seed,
    }
    .network()?;
    let device = network.device();
    let router = config.adaptive.as_ref().map(|adaptive| adaptive.open(device)).transpose()?;
    let places = router.map(|router| [&images, &held_out].map(|images| router.places(images)));
    let task = Training { config, images, held_out, classes, places, device };
    let settings = toml::to_string(config)?;
    Run { task: &task, plan: &config.train, settings, folder: folder.to_owned() }
        .train(&mut network)
}

impl Training<'_> {
    /// Noise for copies of inputs, one copy of all after the other, where `sigmas` are the
    /// inputs' own levels.
    fn noise(&self, inputs: &Tensor, sigmas: Option<&Tensor>) -> Tensor {
        let copies = self.copies();
        let n = inputs.size()[0];
        let noise = inputs.repeat([copies, 1, 1, 1]).randn_like();
        let each = match (sigmas, self.config.sigma_from) {
            (Some(sigmas), _) => sigmas.reshape([n, 1, 1, 1]),
            (None, Some(from)) => Tensor::empty([n, 1, 1, 1], (Kind::Float, self.device))
                .uniform_(from, self.config.sigma),
            (None, None) => return noise * self.config.sigma,
        };
        noise * each.repeat([copies, 1, 1, 1])
    }

    fn copies(&self) -> i64 {
        i64::try_from(self.config.copies).unwrap_or(1)
    }
}

/// Those of a batch.
fn of(tensor: &Tensor, batch: &[usize]) -> Tensor {
    let places: Vec<i64> = batch.iter().map(|&place| i64::try_from(place).unwrap_or(0)).collect();
    tensor.index_select(0, &Tensor::from_slice(&places).to_device(tensor.device()))
}

impl Task for Training<'_> {
    fn inputs(&self) -> usize {
        self.images.len()
    }

    fn loss(&self, network: &Network, step: &Step<'_>) -> Tensor {
        let mut random = random(self.config.train.seed, AUGMENT, step.seed);
        let mut inputs =
            self.images.batch(step.batch, self.config.augment, &mut random, self.device);
        let labels = self.images.labels_of(step.batch, self.device);
        let copies = self.copies();
        let places = self.places.as_ref().map(|[places, _]| places);
        let sigmas = places.and_then(|places| places.sigmas.as_ref());
        let sigmas = sigmas.map(|sigmas| of(sigmas, step.batch));
        let noise = self.noise(&inputs, sigmas.as_ref());
        if let Some(adversary) = self.config.adversary {
            let logits = |noisy: &Tensor| network.forward(noisy, Mode::Eval);
            inputs = adversary.attack(logits, &inputs, &labels, &noise, step.epoch);
        }
        let noisy = inputs.repeat([copies, 1, 1, 1]) + noise;
        let logits = network.forward(&noisy, Mode::Train);
        let losses = cross_entropy(&logits, &labels.repeat([copies])).reshape([copies, -1]);
        let mut losses = losses.mean_dim(0, false, Kind::Float);
        if let Some(weights) = self.config.consistency {
            let logits = logits.reshape([copies, -1, logits.size()[1]]);
            losses += consistency(&logits, weights);
        }
        match places {
            None => losses.mean(Kind::Float),
            Some(places) => (losses * of(&places.weights, step.batch)).mean(Kind::Float),
        }
    }

    /// Accuracy under one draw of noise for each input, always the same, of inputs as much
    /// as they count in training.
    fn evaluate(&self, network: &Network) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let all_places: Vec<usize> = (0..self.held_out.len()).collect();
        let places = self.places.as_ref().map(|[_, held_out]| held_out);
        let (mut right, mut all) = (0.0, 0.0);
        tch::manual_seed(0);
        for batch in all_places.chunks(500) {
            let inputs =
                self.held_out.batch(batch, Augment::default(), &mut random(0, 0, 0), self.device);
            let noise = inputs.randn_like();
            let noise = match places.and_then(|places| places.sigmas.as_ref()) {
                Some(sigmas) => noise * of(sigmas, batch).reshape([-1, 1, 1, 1]),
                None => noise * self.config.sigma,
            };
            let noisy = inputs + noise;
            let answers = tch::no_grad(|| network.forward(&noisy, Mode::Eval)).argmax(-1, false);
            let labels = self.held_out.labels_of(batch, self.device);
            let is_right = answers.eq_tensor(&labels).to_kind(Kind::Float);
            let weights = match places {
                Some(places) => of(&places.weights, batch),
                None => is_right.ones_like(),
            };
            right += (is_right * &weights).sum(Kind::Float).double_value(&[]);
            all += weights.sum(Kind::Float).double_value(&[]);
        }
        Ok(vec![("accuracy", right / all)])
    }

    fn notes(&self) -> BTreeMap<String, String> {
        let mut notes = BTreeMap::from([
            (SHAPE.to_owned(), self.config.input.shape.to_string()),
            ("drs.classes".to_owned(), self.classes.join(",")),
        ]);
        // A network for many noise levels is told its own in experts.toml.
        if self.places.as_ref().is_none_or(|[places, _]| places.sigmas.is_none()) {
            notes.insert("drs.sigma".to_owned(), self.config.sigma.to_string());
        }
        notes
    }
}
