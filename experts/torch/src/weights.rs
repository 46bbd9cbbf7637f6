//! The tensors of a checkpoint, taken by name until none is left.

use std::collections::BTreeMap;

use drs_checkpoint::Checkpoint;
use drs_plugins_api::Error;
use tch::{Device, Kind, Tensor};

use crate::explain::model_error;

/// Tensors that no architecture has taken yet.
pub(crate) struct Weights {
    tensors: BTreeMap<String, drs_checkpoint::Tensor>,
    device: Device,
    normalised: bool,
}

impl Weights {
    /// Undoes the wrappers of the field: a sequence of a normalisation layer
    /// (which has no weights) and the model puts `1.` before names, and
    /// `DataParallel` inside it `module.`.
    pub(crate) fn new(checkpoint: &Checkpoint, device: Device) -> Self {
        // That tensor counts training steps; inference has no use for it.
        let used = |name: &str| !name.ends_with("num_batches_tracked");
        let tensors = checkpoint.tensors.iter().filter(|(name, _)| used(name));
        let mut tensors = tensors.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let normalised = strip(&mut tensors, "1.");
        strip(&mut tensors, "module.");
        Self { tensors, device, normalised }
    }

    /// Whether the checkpoint's model starts with a normalisation layer.
    pub(crate) fn normalised(&self) -> bool {
        self.normalised
    }

    /// Takes a tensor of the given shape, as f32 on the device.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let found = self.tensors.remove(name).ok_or_else(|| missing(name))?;
        if found.shape() != shape {
            return Err(model_error(format!(
                "tensor {name} has shape {:?}, expected {shape:?}",
                found.shape()
            )));
        }
        let values =
            found.to_f32().map_err(|error| model_error(format!("tensor {name}: {error}")))?;
        let shape: Vec<i64> =
            shape.iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect();
        Ok(Tensor::from_slice(&values).reshape(&shape).to_kind(Kind::Float).to_device(self.device))
    }

    /// The first dimension of a tensor that is still there.
    pub(crate) fn rows(&self, name: &str) -> Result<usize, Error> {
        let found = self.tensors.get(name).ok_or_else(|| missing(name))?;
        found
            .shape()
            .first()
            .copied()
            .ok_or_else(|| model_error(format!("tensor {name} is a scalar")))
    }

    /// Every tensor must have found its place.
    pub(crate) fn finish(self, arch: &str) -> Result<(), Error> {
        let mut names = self.tensors.into_keys();
        let Some(first) = names.next() else { return Ok(()) };
        let more = match names.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(model_error(format!("tensor {first}{more} found, which {arch} does not have"))
            .hint("is arch the architecture of this checkpoint?"))
    }
}

/// Takes `prefix` off all names, if all have it.
fn strip(tensors: &mut BTreeMap<String, drs_checkpoint::Tensor>, prefix: &str) -> bool {
    let all = !tensors.is_empty() && tensors.keys().all(|name| name.starts_with(prefix));
    if all {
        let old = std::mem::take(tensors);
        tensors.extend(
            old.into_iter().map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor)),
        );
    }
    all
}

fn missing(name: &str) -> Error {
    model_error(format!("tensor {name} is missing"))
        .hint("is arch the architecture of this checkpoint?")
}
