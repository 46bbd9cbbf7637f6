//! The network that a training run starts with.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use drs_architectures::Architecture;
use drs_data::InputSpec;
use drs_progress::say;
use drs_torch_device::DeviceName;

use crate::config::Precision;
use crate::network::Network;

/// What a network is to be.
pub(crate) struct Start<'a> {
    pub(crate) arch: &'a str,
    pub(crate) input: InputSpec,
    pub(crate) classes: usize,
    pub(crate) init: Option<&'a PathBuf>,
    /// Which weights of `init`, where it holds several sets.
    pub(crate) weights: Option<&'a str>,
    /// The normalisation of inputs, instead of that of `init` or the architecture.
    pub(crate) mean: Option<&'a Vec<f32>>,
    pub(crate) std: Option<&'a Vec<f32>>,
    pub(crate) precision: Precision,
    pub(crate) device: &'a str,
    pub(crate) seed: u64,
}

impl Start<'_> {
    pub(crate) fn network(&self) -> anyhow::Result<Network> {
        let architecture = Architecture::find(self.arch).map_err(anyhow::Error::msg)?;
        let (takes, found) = (architecture.channels(), self.input.shape.dims()[0]);
        let arch = self.arch;
        ensure!(takes == found, "arch: {arch} takes {takes} channels, the input has {found}");
        let device = self.device.parse::<DeviceName>().map_err(anyhow::Error::msg)?;
        let device = device.available().map_err(anyhow::Error::msg)?;
        let mut network = Network::new(architecture, self.classes, device, self.seed);
        if let Some(path) = self.init {
            let checkpoint = drs_checkpoint::read(path)?;
            network.load(&checkpoint, self.weights).with_context(|| path.display().to_string())?;
        }
        match (self.mean, self.std) {
            (None, None) if self.init.is_some() => {
                let (mean, std) = network.normalisation();
                say!("inputs are normalised as in init: mean {mean:?}, std {std:?}");
            }
            (None, None) => {}
            (Some(mean), Some(std)) => network.normalise((mean.clone(), std.clone()))?,
            _ => bail!("mean, std: one of them found, expected both or neither"),
        }
        if self.precision == Precision::Bf16 {
            network.use_bf16();
        }
        Ok(network)
    }
}
