//! Networks whose weights can be trained.

mod layers;

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use drs_architectures::{Architecture, HEAD};
use drs_checkpoint::{Checkpoint, Fitted, Needs};
use drs_progress::say;
use tch::{Device, Kind, Tensor};

use layers::{Making, Running, channels_last};

pub(crate) use layers::cast;

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics; the running ones follow.
    Train,
    /// Running statistics.
    Eval,
}

/// A network: an architecture, and its tensors by the names that checkpoints use.
#[derive(Debug)]
pub struct Network {
    architecture: Architecture,
    classes: usize,
    tensors: BTreeMap<String, Tensor>,
    normalisation: Normalisation,
    mean: Tensor,
    std: Tensor,
    precision: Kind,
}

/// Mean and standard deviation per channel, of pixels in [0, 1].
pub type Normalisation = (Vec<f32>, Vec<f32>);

impl Network {
    /// Random weights, drawn after `seed`, behind the architecture's usual normalisation.
    #[must_use]
    pub fn new(architecture: Architecture, classes: usize, device: Device, seed: u64) -> Self {
        tch::manual_seed(i64::from_ne_bytes(seed.to_ne_bytes()));
        let mut making = Making { classes, device, tensors: BTreeMap::new() };
        let Ok(()) = architecture.forward(&mut making, &());
        let tensors = making.tensors;
        let (mean, std) = architecture.normalisation();
        let normalisation = (mean.to_vec(), std.to_vec());
        let (mean, std) = (per_channel(mean, device), per_channel(std, device));
        let precision = Kind::Float;
        Self { architecture, classes, tensors, normalisation, mean, std, precision }
    }

    /// A network as a checkpoint has it, not to be trained; `arch` where the file does
    /// not tell.
    ///
    /// # Errors
    /// If its architecture is not known, or a tensor does not fit it.
    pub fn frozen(
        checkpoint: &Checkpoint,
        arch: Option<&str>,
        device: Device,
    ) -> anyhow::Result<Self> {
        let name = arch.or(checkpoint.arch.as_deref());
        let name = name.context("it does not name its architecture (arch)")?;
        let architecture = Architecture::find(name).map_err(anyhow::Error::msg)?;
        let fitted = fit(checkpoint, architecture, None)?;
        let bias = format!("{HEAD}.bias");
        let classes = fitted.tensors.get(&bias).and_then(|bias| bias.shape().first().copied());
        let classes = classes.with_context(|| format!("it has no tensor {bias}"))?;
        let mut network = Self::new(architecture, classes, device, 0);
        network.take(&fitted)?;
        network.freeze_all();
        Ok(network)
    }

    /// Convolutions in bfloat16; weights and sums stay in f32.
    pub fn use_bf16(&mut self) {
        self.precision = Kind::BFloat16;
    }

    /// Takes over the tensors of a checkpoint of the same architecture, whatever wraps them
    /// there, and its normalisation: of the numbers in the file, the usual one where the names
    /// tell of a layer in front, else none. Where the last layer has other classes, its random
    /// weights stay. `weights` says which set, where the file holds several.
    ///
    /// # Errors
    /// If another tensor is missing, is left over or has another shape.
    pub fn load(&mut self, checkpoint: &Checkpoint, weights: Option<&str>) -> anyhow::Result<()> {
        self.take(&fit(checkpoint, self.architecture, weights)?)
    }

    fn take(&mut self, fitted: &Fitted) -> anyhow::Result<()> {
        let usual = self.architecture.normalisation();
        let normalisation = fitted.front.normalisation(usual, None).map_err(anyhow::Error::msg)?;
        self.normalise(normalisation.unwrap_or_else(|| self.unchanged()))?;
        for (name, tensor) in &self.tensors {
            // Fitted to this very architecture.
            let new = fitted.tensors.get(name).with_context(|| format!("tensor {name}"))?;
            let shape: Vec<i64> =
                new.shape().iter().map(|&size| i64::try_from(size)).collect::<Result<_, _>>()?;
            if shape != tensor.size() {
                let expected = tensor.size();
                let is_last = name.starts_with(HEAD);
                ensure!(is_last, "tensor {name} has shape {shape:?}, expected {expected:?}");
                continue;
            }
            let values = new.to_f32().map_err(|error| anyhow::anyhow!("tensor {name}: {error}"))?;
            tch::no_grad(|| {
                let mut tensor = tensor.shallow_clone();
                tensor.copy_(&Tensor::from_slice(&values).reshape(&shape));
            });
        }
        Ok(())
    }

    /// Normalises inputs by these means and deviations.
    ///
    /// # Errors
    /// If there is not one of each per channel, or a deviation is not above 0.
    pub fn normalise(&mut self, (mean, std): Normalisation) -> anyhow::Result<()> {
        let channels = self.architecture.channels();
        for (name, values) in [("mean", &mean), ("std", &std)] {
            let found = values.len();
            ensure!(found == channels, "{name}: {found} values, expected {channels}");
        }
        let positive = std.iter().all(|std| std.is_normal() && *std > 0.0);
        ensure!(positive, "std: {std:?} found, expected numbers above 0");
        let device = self.device();
        (self.mean, self.std) = (per_channel(&mean, device), per_channel(&std, device));
        self.normalisation = (mean, std);
        Ok(())
    }

    /// Mean and standard deviation per channel of the inputs; 0 and 1 if they are taken as
    /// they are.
    #[must_use]
    pub fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    fn unchanged(&self) -> Normalisation {
        let channels = self.architecture.channels();
        (vec![0.0; channels], vec![1.0; channels])
    }

    /// Its architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Where its tensors are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.mean.device()
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All tensors by name, running statistics too.
    #[must_use]
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// What is trained, by name.
    pub fn trained(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let all = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        all.filter(|(_, tensor)| tensor.requires_grad())
    }

    /// From now on only the last layer is trained.
    pub fn freeze_body(&mut self) {
        self.freeze(|name| !name.starts_with(HEAD));
    }

    /// From now on nothing is trained.
    pub fn freeze_all(&mut self) {
        self.freeze(|_| true);
    }

    fn freeze(&mut self, which: impl Fn(&str) -> bool) {
        for (name, tensor) in &mut self.tensors {
            if which(name) {
                let _ = tensor.requires_grad_(false);
            }
        }
    }

    /// Logits `[n, classes]` in f32 of inputs `[n, channels, height, width]` in
    /// [0, 1], noise added.
    pub fn forward(&self, inputs: &Tensor, mode: Mode) -> Tensor {
        let normalised = channels_last(&((inputs - &self.mean) / &self.std));
        let normalised = cast(&normalised, self.precision);
        let mut running = Running { tensors: &self.tensors, mode, precision: self.precision };
        let Ok(logits) = self.architecture.forward(&mut running, &normalised);
        logits
    }
}

fn per_channel(values: &[f32], device: Device) -> Tensor {
    Tensor::from_slice(values).reshape([1, -1, 1, 1]).to_device(device)
}

/// The tensors of a checkpoint that the architecture needs; what the user should know of
/// the choice is printed.
fn fit(
    checkpoint: &Checkpoint,
    architecture: Architecture,
    weights: Option<&str>,
) -> anyhow::Result<Fitted> {
    let tensors = architecture.tensors();
    let (network, channels) = (architecture.name(), architecture.channels());
    let needs = Needs { network, tensors: &tensors, channels };
    let fitted = checkpoint.fit(needs, weights).map_err(anyhow::Error::msg)?;
    fitted.notes.iter().for_each(|note| say!("warning: {note}"));
    Ok(fitted)
}
