//! A checkpoint's tensors on a device, and the normalisation in front of them.

use std::collections::{BTreeMap, HashMap};

use drs_architectures::Architecture;
use drs_checkpoint::{Checkpoint, Fitted, Needs};
use drs_plugins_api::{Error, ErrorKind, Normalisation};
use tch::{Device, Kind, Tensor};

use crate::explain::model_error;

/// The tensors that an architecture needs, wherever they are in the file.
pub(crate) fn fit(
    checkpoint: &Checkpoint,
    architecture: Architecture,
    weights: Option<&str>,
) -> Result<Fitted, Error> {
    let tensors = architecture.tensors();
    let needs = Needs {
        network: architecture.name(),
        tensors: &tensors,
        channels: architecture.channels(),
    };
    checkpoint.fit(needs, weights).map_err(model_error)
}

/// The normalisation of inputs: that of the config, which the file must not contradict, or
/// what the file tells.
pub(crate) fn normalisation(
    fitted: &Fitted,
    architecture: Architecture,
    given: Option<&Normalisation>,
) -> Result<Option<Normalisation>, Error> {
    let given = given.map(|given| (given.mean(), given.std()));
    let found = fitted.front.normalisation(architecture.normalisation(), given);
    let found = found.map_err(|problem| Error::new(ErrorKind::Config, problem))?;
    match found {
        Some((mean, std)) => Normalisation::from_config(Some(&mean), Some(&std), mean.len()),
        None => Ok(None),
    }
}

/// All of them as f32 on the device.
pub(crate) fn on_device(
    tensors: &BTreeMap<String, drs_checkpoint::Tensor>,
    device: Device,
) -> Result<HashMap<String, Tensor>, Error> {
    let tensor = |(name, tensor): (&String, &drs_checkpoint::Tensor)| {
        let values =
            tensor.to_f32().map_err(|error| model_error(format!("tensor {name}: {error}")))?;
        let shape: Vec<i64> =
            tensor.shape().iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect();
        let tensor = Tensor::from_slice(&values).reshape(&shape);
        Ok((name.clone(), tensor.to_kind(Kind::Float).to_device(device)))
    };
    tensors.iter().map(tensor).collect()
}
