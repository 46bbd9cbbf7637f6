//! From a model file to networks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use drs_plugins_api::{Error, ErrorKind, Normalisation};
use tch::Device;

use crate::architecture;
use crate::config::{Config, ModelKind};
use crate::explain::model_error;
use crate::network::{Network, Target};
use crate::weights::Weights;

/// A model, once on each device.
pub(crate) struct Model {
    pub(crate) path: PathBuf,
    /// What the file says of itself.
    pub(crate) metadata: BTreeMap<String, String>,
    /// At least one; all answer alike.
    pub(crate) networks: Vec<Network>,
}

impl Model {
    /// Opens the file at `path` for inputs of `shape`.
    pub(crate) fn open(
        config: &Config,
        path: PathBuf,
        shape: [usize; 3],
        devices: &[Device],
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
            ModelKind::TorchScript => torchscript(config, &path, &targets),
            ModelKind::Checkpoint => checkpoint(config, &path, &targets),
        };
        let (metadata, networks) = opened.map_err(|error| in_file(&path, &error))?;
        Ok(Self { path, metadata, networks })
    }
}

type Opened = (BTreeMap<String, String>, Vec<Network>);

fn torchscript(config: &Config, path: &Path, targets: &[Target]) -> Result<Opened, Error> {
    if config.arch.is_some() {
        let message = "arch: found with kind = \"torchscript\", which brings its own architecture";
        return Err(Error::new(ErrorKind::Config, message));
    }
    let bytes = std::fs::read(path).map_err(|error| model_error(error.to_string()))?;
    check_torchscript(&bytes)?;
    let normalisation = normalisation(config, targets)?;
    let networks = targets.iter().map(|&target| {
        let network = Network::from_torchscript(&bytes, target)?;
        Ok(normalised(network, normalisation.as_ref()))
    });
    Ok((BTreeMap::new(), networks.collect::<Result<_, Error>>()?))
}

fn checkpoint(config: &Config, path: &Path, targets: &[Target]) -> Result<Opened, Error> {
    let checkpoint =
        drs_checkpoint::read(path).map_err(|error| model_error(error.problem().to_owned()))?;
    let arch = config.arch.clone().or_else(|| checkpoint.arch.clone()).ok_or_else(|| {
        Error::new(ErrorKind::Config, "arch: the checkpoint does not name its architecture")
            .hint("add `arch = \"cifar_resnet20\"` or another to the config table")
    })?;
    let given = normalisation(config, targets)?;
    let networks = targets.iter().map(|&target| {
        let mut weights = Weights::new(&checkpoint, target.device);
        let has_layer = weights.normalised();
        let (architecture, forward) = architecture::build(&arch, &mut weights)?;
        weights.finish(&arch)?;
        check_channels(&arch, architecture.channels(), target.shape)?;
        let (mean, std) = architecture.normalisation();
        let normalisation = match &given {
            None if has_layer => Normalisation::from_config(Some(mean), Some(std), mean.len())?,
            given => given.clone(),
        };
        let network = Network::from_function(forward, target)?;
        Ok(normalised(network, normalisation.as_ref()))
    });
    let networks = networks.collect::<Result<_, Error>>()?;
    Ok((checkpoint.metadata, networks))
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
    if has("/data.pkl") {
        return Err(model_error(format!("a checkpoint of torch.save, {EXPECTED}"))
            .hint("use kind = \"checkpoint\""));
    }
    Err(model_error(format!("a zip archive without TorchScript code, {EXPECTED}")))
}

pub(crate) fn in_file(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}
