//! The `config` table of a torch expert.

use std::path::PathBuf;

use drs_plugins_api::declared::Classes;
use drs_plugins_api::{Error, ErrorKind};
use serde::Deserialize;

use crate::precision::Precision;
use drs_torch_device::DeviceName;

/// ```toml
/// config = { kind = "export", model = "s025.pt2" }
/// config = { kind = "torchscript", model = "s025.pt", sigma = 0.25, classes = 10 }
/// config = { kind = "checkpoint", model = "s025.pth.tar", sigma = 0.25, classes = 10, dtype = "bf16" }
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// What the model file is.
    pub(crate) kind: ModelKind,
    /// The model file, relative to experts.toml.
    pub(crate) model: PathBuf,
    /// Architecture of a checkpoint; its own `arch` by default.
    pub(crate) arch: Option<String>,
    /// Which set of weights, where a checkpoint holds several: its key or prefix in the file,
    /// `ema` for the averaged ones (the default, with a warning), or `raw` for the others.
    pub(crate) weights: Option<String>,
    /// Noise level; from the metadata `drs.sigma` of a package or a safetensors file by default.
    pub(crate) sigma: Option<f64>,
    /// Class names or their number; from the metadata `drs.classes` by default.
    pub(crate) classes: Option<Classes>,
    /// Per channel: inputs become (x − mean)/std before the model sees them.
    /// Where a checkpoint has a normalisation layer, by default what is in the file or, where
    /// only its place is, that of the architecture.
    pub(crate) mean: Option<Vec<f32>>,
    /// See `mean`.
    pub(crate) std: Option<Vec<f32>>,
    /// `cpu` (the default), `cuda` or `cuda:N`.
    pub(crate) device: Option<DeviceName>,
    /// Several devices, each with a copy of the model.
    pub(crate) devices: Option<Vec<DeviceName>>,
    /// Number format of the convolutions.
    #[serde(default)]
    pub(crate) dtype: Precision,
    /// Memory format of activations: channels last where the model allows it,
    /// unless this says `false`.
    #[serde(default = "yes")]
    pub(crate) channels_last: bool,
    /// Inputs per batch: a number, or "auto" to measure.
    pub(crate) batch: Option<BatchSize>,
    /// Threads of libtorch for one batch on the CPU. The host runs several
    /// batches at once, which is faster than several threads on one.
    pub(crate) threads: Option<u16>,
    /// Who draws the noise. A host with some cores is faster than a large GPU.
    #[serde(default)]
    pub(crate) draw: Draw,
}

/// What the model file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModelKind {
    /// A package of AOTInductor, compiled from what `torch.export` gives.
    Export,
    /// A scripted or traced module, as `torch.jit.save` writes it.
    TorchScript,
    /// Weights of a known architecture.
    Checkpoint,
}

/// The most inputs per batch.
pub(crate) const MOST_ROWS: usize = 65_536;

/// Inputs per batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "written::Value")]
pub(crate) enum BatchSize {
    /// The fastest of a few, by a short measurement.
    Auto,
    /// This many.
    Fixed(usize),
}

/// Who draws the noise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Draw {
    /// The host, in integers, sent as 16-bit values.
    #[default]
    Host,
    /// The plugin, on the device: the very same integers.
    Device,
}

fn yes() -> bool {
    true
}

mod written {
    /// A number or a text, as a batch size may be written.
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    pub(super) enum Value {
        Number(i64),
        Text(String),
    }
}

impl TryFrom<written::Value> for BatchSize {
    type Error = String;
    fn try_from(value: written::Value) -> Result<Self, String> {
        let found = match value {
            written::Value::Text(text) if text == "auto" => return Ok(Self::Auto),
            written::Value::Text(text) => format!("\"{text}\""),
            written::Value::Number(number) => match usize::try_from(number) {
                Ok(number) if (1..=MOST_ROWS).contains(&number) => return Ok(Self::Fixed(number)),
                _ => number.to_string(),
            },
        };
        Err(format!("batch {found} found, expected \"auto\" or a number from 1 to {MOST_ROWS}"))
    }
}

impl Config {
    /// The devices to run on, at least one.
    pub(crate) fn devices(&self) -> Result<Vec<DeviceName>, Error> {
        let wrong = |message: &str| Err(Error::new(ErrorKind::Config, message));
        match (self.device, &self.devices) {
            (Some(_), Some(_)) => wrong("device and devices: both found, expected one of them"),
            (Some(device), None) => Ok(vec![device]),
            (None, None) => Ok(vec![DeviceName::CPU]),
            (None, Some(devices)) if devices.is_empty() => {
                wrong("devices: an empty list, expected at least one device")
            }
            (None, Some(devices)) => {
                let twice = devices.iter().enumerate().find(|(i, d)| devices[..*i].contains(d));
                match twice {
                    Some((_, device)) => wrong(&format!("devices: {device} found twice")),
                    None => Ok(devices.clone()),
                }
            }
        }
    }
}
