//! From a model file to networks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use drs_plugins_api::{Error, ErrorKind, Normalisation};
use tch::Device;

use crate::architecture;
use crate::config::{BatchSize, Config, ModelKind};
use crate::explain::model_error;
use crate::network::{Network, Target};
use crate::package::PackageFile;
use crate::precision::Precision;
use crate::weights;

/// A model, once on each device.
pub(crate) struct Model {
    pub(crate) path: PathBuf,
    /// What the file says of itself.
    pub(crate) metadata: BTreeMap<String, String>,
    /// At least one; all answer alike.
    pub(crate) networks: Vec<Network>,
    /// What the user should be told of the choice of weights.
    pub(crate) notes: Vec<String>,
}

impl Model {
    /// Opens the file at `path` for inputs of `shape` and such calls.
    pub(crate) fn open(
        config: &Config,
        path: PathBuf,
        shape: [usize; 3],
        devices: &[Device],
        calls: &Calls,
    ) -> Result<Self, Error> {
        let targets: Vec<Target> = devices
            .iter()
            .map(|&device| Target {
                device,
                precision: config.dtype,
                channels_last: config.channels_last,
                shape,
            })
            .collect();
        let opened = match config.kind {
            ModelKind::Export => export(config, &path, &targets, calls),
            ModelKind::TorchScript => torchscript(config, &path, &targets),
            ModelKind::Checkpoint => checkpoint(config, &path, &targets),
        };
        let Opened { metadata, networks, notes } =
            opened.map_err(|error| in_file(&path, &error))?;
        let notes = notes.iter().map(|note| format!("{}: {note}", path.display())).collect();
        Ok(Self { path, metadata, networks, notes })
    }
}

/// What calls to expect.
pub(crate) struct Calls {
    /// At once, on each device.
    pub(crate) at_once: usize,
    /// Inputs in one of them, where the configuration does not say.
    pub(crate) inputs: usize,
}

struct Opened {
    metadata: BTreeMap<String, String>,
    networks: Vec<Network>,
    notes: Vec<String>,
}

fn export(
    config: &Config,
    path: &Path,
    targets: &[Target],
    calls: &Calls,
) -> Result<Opened, Error> {
    const KIND: &str = "export";
    brings_its_own(config, KIND)?;
    let compiled = |key: &str| {
        let message = format!("{key}: found with kind = \"{KIND}\", which is compiled already");
        Err(Error::new(ErrorKind::Config, message).hint("set it where the package is made"))
    };
    if config.dtype != Precision::F32 {
        return compiled("dtype");
    }
    if !config.channels_last {
        return compiled("channels_last");
    }
    let shape = targets.first().map_or([0; 3], |target| target.shape);
    let mut file = PackageFile::read(path, shape)?;
    let asked = match config.batch {
        Some(BatchSize::Fixed(batch)) => Some(batch),
        Some(BatchSize::Auto) | None => None,
    };
    let rows = file.batch(asked, calls.inputs)?;
    let normalisation = normalisation(config, targets)?;
    let networks = targets.iter().map(|&target| {
        let network =
            Network::from_package(file.load(target.device, calls.at_once, rows)?, target)?;
        Ok(normalised(network, normalisation.as_ref()))
    });
    let networks = networks.collect::<Result<_, Error>>()?;
    Ok(Opened { metadata: file.metadata, networks, notes: Vec::new() })
}

/// Refuses settings that are of checkpoints only.
fn brings_its_own(config: &Config, kind: &str) -> Result<(), Error> {
    let message = if config.arch.is_some() {
        format!("arch: found with kind = \"{kind}\", which brings its own architecture")
    } else if config.weights.is_some() {
        format!("weights: found with kind = \"{kind}\", which holds one set of weights")
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Config, message))
}

fn torchscript(config: &Config, path: &Path, targets: &[Target]) -> Result<Opened, Error> {
    brings_its_own(config, "torchscript")?;
    let bytes = std::fs::read(path).map_err(|error| model_error(error.to_string()))?;
    check_torchscript(&bytes)?;
    let normalisation = normalisation(config, targets)?;
    let networks = targets.iter().map(|&target| {
        let network = Network::from_torchscript(&bytes, target)?;
        Ok(normalised(network, normalisation.as_ref()))
    });
    let networks = networks.collect::<Result<_, Error>>()?;
    Ok(Opened { metadata: BTreeMap::new(), networks, notes: Vec::new() })
}

fn checkpoint(config: &Config, path: &Path, targets: &[Target]) -> Result<Opened, Error> {
    let checkpoint =
        drs_checkpoint::read(path).map_err(|error| model_error(error.problem().to_owned()))?;
    let arch = config.arch.clone().or_else(|| checkpoint.arch.clone()).ok_or_else(|| {
        Error::new(ErrorKind::Config, "arch: the checkpoint does not name its architecture")
            .hint("add `arch = \"cifar_resnet20\"` or another to the config table")
    })?;
    let architecture = architecture::find(&arch)?;
    let fitted = weights::fit(&checkpoint, architecture, config.weights.as_deref())?;
    for target in targets {
        check_channels(&arch, architecture.channels(), target.shape)?;
    }
    let given = normalisation(config, targets)?;
    let normalisation = weights::normalisation(&fitted, architecture, given.as_ref())?;
    let networks = targets.iter().map(|&target| {
        let tensors = weights::on_device(&fitted.tensors, target.device)?;
        let network = Network::from_function(architecture::forward(architecture, tensors), target)?;
        Ok(normalised(network, normalisation.as_ref()))
    });
    let networks = networks.collect::<Result<_, Error>>()?;
    Ok(Opened { metadata: checkpoint.metadata, networks, notes: fitted.notes })
}

fn check_channels(arch: &str, channels: usize, shape: [usize; 3]) -> Result<(), Error> {
    if shape[0] == channels {
        return Ok(());
    }
    let message = format!("inputs of shape {shape:?} found, but {arch} takes {channels} channels");
    Err(Error::new(ErrorKind::Config, message).hint("see [input] in experts.toml"))
}

fn normalisation(config: &Config, targets: &[Target]) -> Result<Option<Normalisation>, Error> {
    let channels = targets.first().map_or(0, |target| target.shape[0]);
    Normalisation::from_config(config.mean.as_deref(), config.std.as_deref(), channels)
}

fn normalised(network: Network, by: Option<&Normalisation>) -> Network {
    match by {
        Some(by) => network.normalised(by),
        None => network,
    }
}

/// Tells what is no TorchScript file before libtorch does, in its own words.
fn check_torchscript(bytes: &[u8]) -> Result<(), Error> {
    const EXPECTED: &str = "expected a TorchScript file as torch.jit.save writes it";
    // Told where the archive begins: guessing fails for some names.
    let config = zip::read::Config { archive_offset: zip::read::ArchiveOffset::Known(0) };
    let file = std::io::Cursor::new(bytes);
    let archive = zip::ZipArchive::with_config(config, file).map_err(|error| {
        model_error(format!("no TorchScript file, or a truncated one ({error}), {EXPECTED}"))
    })?;
    let has =
        |part: &str| archive.file_names().any(|name| name.is_ok_and(|name| name.contains(part)));
    if has("/code/") && has("/constants.pkl") {
        return Ok(());
    }
    if has("data/aotinductor/") {
        return Err(model_error(format!("a package of AOTInductor, {EXPECTED}"))
            .hint("use kind = \"export\""));
    }
    if has("/data.pkl") {
        return Err(model_error(format!("a checkpoint of torch.save, {EXPECTED}"))
            .hint("use kind = \"checkpoint\""));
    }
    Err(model_error(format!("a zip archive without TorchScript code, {EXPECTED}")))
}

pub(crate) fn in_file(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}
