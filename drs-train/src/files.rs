//! Tensors in safetensors files.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use drs_run::whole;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tch::{Device, Kind, Tensor};

/// Writes tensors as f32, with notes. The file appears whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub fn write<'a>(
    path: &Path,
    tensors: impl Iterator<Item = (String, &'a Tensor)>,
    notes: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for (name, tensor) in tensors {
        let shape: Vec<usize> =
            tensor.size().into_iter().map(usize::try_from).collect::<Result<_, _>>()?;
        let bytes: Vec<u8> = values(tensor).into_iter().flat_map(f32::to_le_bytes).collect();
        all.push((name, shape, bytes));
    }
    let views = all
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let notes: HashMap<String, String> = notes.clone().into_iter().collect();
    Ok(whole::write(path, safetensors::serialize(views, Some(notes))?)?)
}

/// The values of a tensor, in the order of its axes.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut values = vec![0f32; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
}
