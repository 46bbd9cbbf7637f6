//! `drs train router`: a base classifier over experts.

mod judge;
mod objective;
mod votes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use drs_core::rule::Term;
use drs_data::{Dataset, InputSpec};
use drs_progress::say;
use drs_router::NamedTerm;
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::config::Precision;
use crate::export::SHAPE;
use crate::images::{Augment, Images, order, random};
use crate::labels::{Labels, Radius, radii};
use crate::network::{Mode, Network};
use crate::run::{Plan, Run, Step, Task};
use crate::start::Start;

pub use judge::{By, Select};
pub use objective::Objective;
pub(crate) use votes::shares;

/// The settings, as a TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What inputs look like, as in experts.toml.
    pub input: InputSpec,
    /// The folder that `drs train label` made.
    pub labels: PathBuf,
    /// Which radius votes stand for.
    #[serde(default)]
    pub radius: Radius,
    /// So many inputs, chosen at random, are for validation.
    pub hold_out: usize,
    /// Chooses them.
    #[serde(default)]
    pub hold_out_seed: u64,
    /// At most so many of the others are for training; all by default. The fewer are among the more.
    #[serde(default)]
    pub max: Option<usize>,
    /// Name of the architecture.
    pub arch: String,
    /// Weights to start from: a checkpoint of the same architecture, say of an expert.
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
    /// Train the last layer only.
    #[serde(default)]
    pub freeze: bool,
    /// The router's own noise level, σ_e.
    pub sigma: f64,
    /// Noisy copies of each input in a batch.
    #[serde(default = "two")]
    pub copies: usize,
    /// How images are changed.
    #[serde(default)]
    pub augment: Augment,
    /// What is minimised.
    pub objective: Objective,
    /// Terms of the blended rule, as in experts.toml: what the router is for, if not `maxmin`.
    #[serde(default)]
    pub blend: Vec<NamedTerm>,
    /// What decides which epoch's router is kept.
    #[serde(default)]
    pub select: Select,
    /// Number format of convolutions.
    #[serde(default)]
    pub precision: Precision,
    /// `cpu`, `cuda` or `cuda:N`.
    #[serde(default = "crate::expert::cpu")]
    pub device: String,
    /// Epochs, optimiser and the like.
    pub train: Plan,
}

fn two() -> usize {
    2
}

/// What purposes random numbers have.
const AUGMENT: u64 = 2;

struct Training<'a> {
    config: &'a Config,
    images: Images,
    targets: objective::Targets,
    held_out: Images,
    judge: judge::Judge,
    experts: Vec<String>,
    device: Device,
}

/// Trains a router into `folder`, or continues.
///
/// # Errors
/// If a setting is wrong, labels do not fit the data, or a file cannot be
/// read or written.
pub fn train(config: &Config, folder: &Path) -> anyhow::Result<()> {
    ensure!(config.copies > 0, "copies: 0 found, expected at least 1");
    let labels = Labels::read(&config.labels)?;
    let experts: Vec<String> = labels.header.experts.iter().map(|e| e.name.clone()).collect();
    let mut network = Start {
        arch: &config.arch,
        input: config.input,
        classes: experts.len(),
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
    let terms = terms(&config.blend, &experts)?;
    if config.freeze {
        network.freeze_body();
    }
    let radii = radii(&labels, config.radius)?;
    let (rest, held_out) = parts(config, &radii)?;
    check_best(&radii, &rest, &experts)?;
    let read = images(config, &labels)?;
    let task = Training {
        config,
        images: read(&rest)?,
        targets: objective::Targets::new(&labels, &radii, &rest, &terms, device),
        held_out: read(&held_out)?,
        judge: judge::Judge::new(&labels, &held_out, &terms, config)?,
        experts,
        device,
    };
    let settings = toml::to_string(config)?;
    Run { task: &task, plan: &config.train, settings, folder: folder.to_owned() }
        .train(&mut network)
}

/// There must be something to route: no expert may be the best on all inputs.
fn check_best(radii: &Array2<f32>, places: &[usize], experts: &[String]) -> anyhow::Result<()> {
    let mut best = vec![0usize; experts.len()];
    for &place in places {
        let radii = radii.index_axis(Axis(0), place);
        // The first of equals.
        let first = (0..experts.len()).rev().max_by(|&a, &b| radii[a].total_cmp(&radii[b]));
        first.into_iter().for_each(|expert| best[expert] += 1);
    }
    let used = || experts.iter().zip(&best).filter(|(_, count)| **count > 0);
    let (name, _) = used().next().context("no expert")?;
    ensure!(
        used().count() > 1,
        "expert {name} has the largest radius on all {} inputs: there is nothing to route",
        places.len()
    );
    for (name, _) in experts.iter().zip(&best).filter(|(_, count)| **count == 0) {
        say!("warning: expert {name} has the largest radius on none of the inputs");
    }
    Ok(())
}

/// The inputs that were held out of a run: places in the labels, and images.
pub(crate) fn held_out(config: &Config, labels: &Labels) -> anyhow::Result<(Vec<usize>, Images)> {
    let (_, places) = parts(config, &radii(labels, config.radius)?)?;
    let images = images(config, labels)?(&places)?;
    Ok((places, images))
}

/// What reads the labelled images in some places.
fn images<'a>(
    config: &'a Config,
    labels: &'a Labels,
) -> anyhow::Result<impl Fn(&[usize]) -> anyhow::Result<Images> + 'a> {
    let data = Dataset::open(&labels.header.data, config.input, &labels.header.reading)?;
    let data = data.for_experts(&labels.header.classes)?;
    Ok(move |places: &[usize]| {
        let images = Images::read(&data, config.input, at(&labels.indices, places))?;
        let expected = at(&labels.labels, places);
        let same =
            images.labels.iter().zip(&expected).position(|(a, b)| usize::try_from(*a) != Ok(*b));
        ensure!(
            same.is_none(),
            "{}: its classes are not those of {}: the labels are of other data",
            config.labels.display(),
            labels.header.data.display()
        );
        anyhow::Ok(images)
    })
}

fn terms(named: &[NamedTerm], experts: &[String]) -> anyhow::Result<Vec<Term>> {
    let names: Vec<&str> = experts.iter().map(String::as_str).collect();
    let terms = named.iter().enumerate().map(|(index, term)| {
        term.term(&names).map_err(|problem| anyhow::anyhow!("blend[{index}]: {problem}"))
    });
    terms.collect()
}

fn at<T: Copy>(values: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|&place| values[place]).collect()
}

/// Places to train on, and places held out.
fn parts(config: &Config, radii: &Array2<f32>) -> anyhow::Result<(Vec<usize>, Vec<usize>)> {
    let inputs = radii.nrows();
    ensure!(
        (1..inputs).contains(&config.hold_out),
        "hold_out: {} found, expected 1 to {} for {inputs} labelled inputs",
        config.hold_out,
        inputs.saturating_sub(1)
    );
    ensure!(config.max != Some(0), "max: 0 found, expected at least 1");
    let places = order(inputs, &mut random(config.hold_out_seed, 0, 0));
    let (held_out, rest) = places.split_at(config.hold_out);
    let rest = &rest[..config.max.unwrap_or(inputs).min(rest.len())];
    // What no expert certifies teaches nothing (§4.2).
    let teaches = |place: &usize| radii.index_axis(Axis(0), *place).iter().any(|&r| r > 0.0);
    let mut rest: Vec<usize> = rest.iter().copied().filter(teaches).collect();
    ensure!(!rest.is_empty(), "no expert certifies any of the inputs to train on");
    let mut held_out = held_out.to_vec();
    rest.sort_unstable();
    held_out.sort_unstable();
    Ok((rest, held_out))
}

impl Task for Training<'_> {
    fn inputs(&self) -> usize {
        self.images.len()
    }

    fn loss(&self, network: &Network, step: &Step<'_>) -> Tensor {
        let mut random = random(self.config.train.seed, AUGMENT, step.seed);
        let inputs = self.images.batch(step.batch, self.config.augment, &mut random, self.device);
        let copies = i64::try_from(self.config.copies).unwrap_or(1);
        let inputs = inputs.repeat([copies, 1, 1, 1]);
        let noisy = &inputs + inputs.randn_like() * self.config.sigma;
        // A frozen body must stay what it is, its statistics too.
        let mode = if self.config.freeze { Mode::Eval } else { Mode::Train };
        let logits = network.forward(&noisy, mode);
        let logits = logits.reshape([copies, -1, logits.size()[1]]);
        let targets = self.targets.of(step.batch);
        let gone = step.epoch / self.config.train.epochs as f64;
        self.config.objective.loss(&logits, &targets, self.config.sigma, gone).mean(Kind::Float)
    }

    fn evaluate(&self, network: &Network) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let draws = self.config.select.draws;
        let votes = shares(network, &self.held_out, self.config.sigma, draws);
        self.judge.score(&votes)
    }

    fn notes(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("drs.sigma".to_owned(), self.config.sigma.to_string()),
            (SHAPE.to_owned(), self.config.input.shape.to_string()),
            ("drs.classes".to_owned(), self.experts.join(",")),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_out_inputs_do_not_depend_on_how_many_are_for_training() {
        let split = |max: &str| {
            let config = format!(
                "labels = \"labels\"\nhold_out = 20\n{max}\narch = \"tiny_cnn\"\nsigma = 1.0\n\
                 objective = {{ kind = \"hard\", consistency = {{ lambda = 0.0, eta = 0.0 }} }}\n\
                 input = {{ shape = [1, 28, 28], quantum = \"1/255\" }}\n\
                 train = {{ epochs = 1, batch = 8, seed = 1, optimiser = {{ kind = \"adamw\", lr = 0.1 }} }}\n"
            );
            // A fifth of the inputs is certified by no expert.
            let radii = Array2::from_shape_fn((100, 2), |(input, _)| f32::from(input % 5 != 0));
            parts(&toml::from_str(&config).unwrap(), &radii)
        };
        let (all, held_out) = split("").unwrap();
        assert!(all.iter().all(|place| place % 5 != 0 && !held_out.contains(place)));
        assert_eq!(held_out.len(), 20);
        let (some, same) = split("max = 30").unwrap();
        assert_eq!(same, held_out);
        assert!((15..=30).contains(&some.len()) && some.iter().all(|place| all.contains(place)));
        let (fewer, _) = split("max = 10").unwrap();
        assert!(fewer.len() < some.len() && fewer.iter().all(|place| some.contains(place)));
        assert_eq!(split("max = 1000").unwrap().0, all);
        assert!(split("max = 0").is_err());
    }
}
