//! Networks whose weights can be trained.

mod layers;

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use drs_architectures::{Architecture, HEAD};
use drs_checkpoint::Checkpoint;
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
    mean: Tensor,
    std: Tensor,
    precision: Kind,
}

impl Network {
    /// Random weights, drawn after `seed`.
    #[must_use]
    pub fn new(architecture: Architecture, classes: usize, device: Device, seed: u64) -> Self {
        tch::manual_seed(i64::from_ne_bytes(seed.to_ne_bytes()));
        let mut making = Making { classes, device, tensors: BTreeMap::new() };
        let Ok(()) = architecture.forward(&mut making, &());
        let tensors = making.tensors;
        let (mean, std) = architecture.normalisation();
        let per_channel =
            |values: &[f32]| Tensor::from_slice(values).reshape([1, -1, 1, 1]).to_device(device);
        let (mean, std) = (per_channel(mean), per_channel(std));
        Self { architecture, classes, tensors, mean, std, precision: Kind::Float }
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
        let bias = format!("{HEAD}.bias");
        let head = checkpoint.tensors.iter().find(|(name, _)| name.ends_with(&bias));
        let classes = head.and_then(|(_, bias)| bias.shape().first().copied());
        let classes = classes.with_context(|| format!("it has no tensor {bias}"))?;
        let mut network = Self::new(architecture, classes, device, 0);
        network.load(checkpoint)?;
        network.freeze_all();
        Ok(network)
    }

    /// Convolutions in bfloat16; weights and sums stay in f32.
    pub fn use_bf16(&mut self) {
        self.precision = Kind::BFloat16;
    }

    /// Takes over the tensors of a checkpoint of the same architecture. Where the
    /// last layer has other classes, its random weights stay.
    ///
    /// # Errors
    /// If another tensor is missing, is left over or has another shape.
    pub fn load(&mut self, checkpoint: &Checkpoint) -> anyhow::Result<()> {
        // A normalisation layer in front (which has no weights) leaves this prefix.
        let plain = |name: &String| name.strip_prefix("1.").unwrap_or(name).to_owned();
        let mut found: BTreeMap<String, &drs_checkpoint::Tensor> =
            checkpoint.tensors.iter().map(|(name, tensor)| (plain(name), tensor)).collect();
        found.retain(|name, _| !name.ends_with("num_batches_tracked"));
        for (name, tensor) in &self.tensors {
            let new = found.remove(name).with_context(|| format!("tensor {name} is missing"))?;
            let shape: Vec<i64> =
                new.shape().iter().map(|&size| i64::try_from(size)).collect::<Result<_, _>>()?;
            if shape != tensor.size() {
                let other_classes = shape.first() != tensor.size().first();
                let is_last = name.starts_with(HEAD) && other_classes;
                let expected = tensor.size();
                ensure!(is_last, "tensor {name} has shape {shape:?}, expected {expected:?}");
                continue;
            }
            let values = new.to_f32().map_err(|error| anyhow::anyhow!("tensor {name}: {error}"))?;
            tch::no_grad(|| {
                let mut tensor = tensor.shallow_clone();
                tensor.copy_(&Tensor::from_slice(&values).reshape(&shape));
            });
        }
        if let Some(name) = found.keys().next() {
            bail!("tensor {name} found, which {} does not have", self.architecture.name());
        }
        Ok(())
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
