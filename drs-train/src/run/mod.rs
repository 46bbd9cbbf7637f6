//! A training run: epochs, checkpoints, curves, the best model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use drs_progress::Bar;
use drs_run::{Lock, whole};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::events::Events;
use crate::files;
use crate::images::{order, random};
use crate::network::Network;
use crate::optimiser::{Method, Optimiser, Schedule};

/// How long and by which steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Passes over the data.
    pub epochs: usize,
    /// Inputs per step.
    pub batch: usize,
    /// Of everything random.
    #[serde(default)]
    pub seed: u64,
    /// The method and its settings.
    pub optimiser: Method,
    /// How the learning rate changes.
    #[serde(default = "constant")]
    pub schedule: Schedule,
    /// Stop after so many epochs that were no better than the best before them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Evaluate and keep a moving average of the weights with this decay per step.
    #[serde(default)]
    pub average: Option<f64>,
}

fn constant() -> Schedule {
    Schedule::Constant
}

/// What is trained on what.
pub trait Task {
    /// Inputs per epoch.
    fn inputs(&self) -> usize;

    /// The loss on a batch, a scalar with gradient. Libtorch's generator is
    /// seeded for this step.
    fn loss(&self, network: &Network, step: &Step<'_>) -> Tensor;

    /// Figures on held-out inputs by name; the first decides which model is kept.
    ///
    /// # Errors
    /// If they cannot be found.
    fn evaluate(&self, network: &Network) -> anyhow::Result<Vec<(&'static str, f64)>>;

    /// The notes that a model's file carries.
    fn notes(&self) -> BTreeMap<String, String>;
}

/// One step of a run.
#[derive(Debug)]
pub struct Step<'a> {
    /// Places of the batch's inputs.
    pub batch: &'a [usize],
    /// Seeds what is random in it.
    pub seed: u64,
    /// The time, in epochs.
    pub epoch: f64,
}

/// Where a run stands, beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    /// Finished epochs.
    epochs: usize,
    steps: i32,
    best: Option<f64>,
    /// Epochs since then.
    #[serde(default)]
    since_best: usize,
    history: Vec<BTreeMap<String, f64>>,
    /// The settings, which a resumed run must share.
    settings: String,
}

/// What purposes random numbers have.
const ORDER: u64 = 1;

/// A run and its folder.
pub struct Run<'a, T> {
    /// The task.
    pub task: &'a T,
    /// The plan.
    pub plan: &'a Plan,
    /// All settings as TOML.
    pub settings: String,
    /// Where results go.
    pub folder: PathBuf,
}

impl<T: Task> Run<'_, T> {
    /// Trains, or continues where an earlier call was stopped. The folder then has
    /// `model.safetensors` (the best), `state.safetensors`, `settings.toml`, `summary.json` and
    /// events.
    ///
    /// # Errors
    /// If a file cannot be read or written, belongs to a run of other settings, or
    /// the loss is no longer finite; if another process trains into the folder.
    pub fn train(&self, network: &mut Network) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))?;
        let _ours = Lock::folder(&self.folder)?;
        let mut average = self.plan.average.map(|_| copies(network.tensors()));
        let (mut progress, mut optimiser) = match self.resume(network, average.as_ref())? {
            Some(resumed) => resumed,
            None => (self.beginning(), Optimiser::new(self.plan.optimiser)),
        };
        whole::write(&self.folder.join("settings.toml"), &self.settings)?;
        let steps = self.task.inputs().div_ceil(self.plan.batch);
        ensure!(steps > 0, "no input to train on");
        let mut events = Events::create(&self.folder)?;
        let bar = Bar::over(self.plan.epochs * steps, "steps");
        bar.skip(progress.epochs * steps);
        while progress.epochs < self.plan.epochs
            && self.plan.patience.is_none_or(|patience| progress.since_best < patience)
        {
            let epoch = progress.epochs;
            let order = order(self.task.inputs(), &mut random(self.plan.seed, ORDER, epoch as u64));
            let mut total = 0.0;
            for (index, batch) in order.chunks(self.plan.batch).enumerate() {
                let time = epoch as f64 + index as f64 / steps as f64;
                let seed = mixed(self.plan.seed, (epoch * steps + index) as u64);
                tch::manual_seed(i64::from_ne_bytes(seed.to_ne_bytes()));
                let loss = self.task.loss(network, &Step { batch, seed, epoch: time });
                let value = loss.double_value(&[]);
                if !value.is_finite() {
                    bail!(
                        "the loss is {value} in epoch {epoch}, step {index}: a lower learning rate may help"
                    );
                }
                loss.backward();
                let factor = self.plan.schedule.factor(time, self.plan.epochs as f64);
                optimiser.step(network.trained(), factor);
                if let (Some(average), Some(decay)) = (&mut average, self.plan.average) {
                    follow(average, network.tensors(), decay, optimiser.steps());
                }
                total += value * batch.len() as f64;
                bar.set_message(format!(", loss {value:.4}{}", shown(progress.history.last())));
                bar.advance();
            }
            progress.epochs += 1;
            progress.steps = optimiser.steps();
            if let Some(average) = &mut average {
                swap(average, network.tensors());
            }
            let outcome = self.judge(network, &mut progress, total / self.task.inputs() as f64);
            if let Some(average) = &mut average {
                swap(average, network.tensors());
            }
            let figures = outcome?;
            let figures = figures.iter().map(|(name, value)| (name.as_str(), *value));
            events.add(i64::try_from(epoch * steps + steps)?, figures)?;
            self.save(network, average.as_ref(), &optimiser, &progress)?;
            let of = self.plan.epochs;
            let shown = shown(progress.history.last());
            bar.log(&format!("epoch {} of {of}{shown}", progress.epochs));
        }
        bar.finish();
        let summary = serde_json::to_string_pretty(&progress.history)?;
        Ok(whole::write(&self.folder.join("summary.json"), summary)?)
    }

    fn beginning(&self) -> Progress {
        let (best, history, settings) = (None, Vec::new(), self.settings.clone());
        Progress { epochs: 0, steps: 0, best, since_best: 0, history, settings }
    }

    /// Evaluates, and keeps the model if it is the best so far.
    fn judge(
        &self,
        network: &Network,
        progress: &mut Progress,
        loss: f64,
    ) -> anyhow::Result<BTreeMap<String, f64>> {
        let found = self.task.evaluate(network)?;
        let (_, score) = *found.first().context("nothing was evaluated")?;
        progress.since_best += 1;
        if progress.best.is_none_or(|best| score > best) {
            progress.best = Some(score);
            progress.since_best = 0;
            write_model(&self.folder.join("model.safetensors"), network, self.task.notes())?;
        }
        let mut figures: BTreeMap<String, f64> =
            found.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        figures.insert("loss".to_owned(), loss);
        progress.history.push(figures.clone());
        Ok(figures)
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state.safetensors")
    }

    fn save(
        &self,
        network: &Network,
        average: Option<&BTreeMap<String, Tensor>>,
        optimiser: &Optimiser,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let group = |prefix: &'static str, tensors| named(prefix, tensors);
        let tensors = group("network.", network.tensors())
            .chain(average.into_iter().flat_map(|average| named("average.", average)))
            .chain(group("optimiser.", optimiser.memory()));
        let notes = BTreeMap::from([("progress".to_owned(), serde_json::to_string(progress)?)]);
        files::write(&self.state(), tensors, &notes)
    }

    fn resume(
        &self,
        network: &Network,
        average: Option<&BTreeMap<String, Tensor>>,
    ) -> anyhow::Result<Option<(Progress, Optimiser)>> {
        let path = self.state();
        if !path.exists() {
            return Ok(None);
        }
        let checkpoint = drs_checkpoint::read(&path)?;
        let progress = checkpoint.metadata.get("progress");
        let progress = progress.with_context(|| format!("{} is no state", path.display()))?;
        let progress: Progress = serde_json::from_str(progress)
            .with_context(|| format!("{} is no state", path.display()))?;
        if progress.settings != self.settings {
            bail!(
                "{} is the state of a run with other settings: take another folder, or remove it",
                path.display()
            );
        }
        let mut memory = BTreeMap::new();
        let groups = [Some(network.tensors()), average];
        let device = network.device();
        for (name, tensor) in checkpoint.tensors() {
            let size: Vec<i64> =
                tensor.shape().iter().map(|&n| i64::try_from(n)).collect::<Result<_, _>>()?;
            let values = Tensor::from_slice(&tensor.to_f32()?).reshape(&size).to_device(device);
            let (group, name) = name.split_once('.').unwrap_or(("", name));
            if group == "optimiser" {
                memory.insert(name.to_owned(), values);
                continue;
            }
            let group = groups[usize::from(group == "average")];
            if let Some(tensor) = group.and_then(|group| group.get(name)) {
                tch::no_grad(|| tensor.shallow_clone().copy_(&values));
            }
        }
        let optimiser = Optimiser::resumed(self.plan.optimiser, progress.steps, memory);
        Ok(Some((progress, optimiser)))
    }
}

fn shown(figures: Option<&BTreeMap<String, f64>>) -> String {
    let figures = figures.into_iter().flatten().filter(|(name, _)| *name != "loss");
    figures.map(|(name, value)| format!(", {name} {value:.4}")).collect()
}

/// Writes a network for the `torch` plugin and for PyTorch.
///
/// # Errors
/// If the file cannot be written.
pub fn write_model(
    path: &Path,
    network: &Network,
    mut notes: BTreeMap<String, String>,
) -> anyhow::Result<()> {
    notes.insert("arch".to_owned(), network.architecture().name().to_owned());
    // As checkpoints of the field that begin with a normalisation layer. Its numbers are told
    // where they are not those that readers take it to have.
    let (mean, std) = network.normalisation();
    let is_usual = network.architecture().normalisation() == (mean.as_slice(), std.as_slice());
    let numbers = [("0.mean", mean), ("0.std", std)];
    let numbers = numbers.map(|(name, values)| (name.to_owned(), Tensor::from_slice(values)));
    let numbers = numbers.iter().filter(|_| !is_usual);
    let numbers = numbers.map(|(name, tensor)| (name.clone(), tensor));
    files::write(path, numbers.chain(named("1.", network.tensors())), &notes)
}

fn named<'a>(
    prefix: &'a str,
    tensors: &'a BTreeMap<String, Tensor>,
) -> impl Iterator<Item = (String, &'a Tensor)> {
    tensors.iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor))
}

fn copies(tensors: &BTreeMap<String, Tensor>) -> BTreeMap<String, Tensor> {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.detach().copy())).collect()
}

/// Early on the average forgets faster, so that the random start leaves no trace.
fn follow(
    average: &mut BTreeMap<String, Tensor>,
    tensors: &BTreeMap<String, Tensor>,
    decay: f64,
    steps: i32,
) {
    let decay = decay.min(f64::from(steps) / f64::from(steps + 9));
    tch::no_grad(|| {
        for (name, average) in average {
            let _ = average.lerp_(&tensors[name].detach(), 1.0 - decay);
        }
    });
}

/// Exchanges the values of tensors of the same names.
fn swap(a: &mut BTreeMap<String, Tensor>, b: &BTreeMap<String, Tensor>) {
    tch::no_grad(|| {
        for (name, a) in a {
            let mut b = b[name].shallow_clone();
            let kept = b.detach().copy();
            b.copy_(a);
            a.copy_(&kept);
        }
    });
}

/// A seed for each step (SplitMix64's mixing).
fn mixed(seed: u64, step: u64) -> u64 {
    let mut z = seed.wrapping_add(step.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
