//! What layers mean for training: tensors are made, and computed with.

use std::collections::BTreeMap;
use std::convert::Infallible;

use drs_architectures::{Layers, Sizes};
use tch::{Device, Kind, Tensor};

use super::Mode;

/// PyTorch's defaults.
const NORM_EPSILON: f64 = 1e-5;
const NORM_MOMENTUM: f64 = 0.1;

/// Makes every layer's tensors; there is nothing to compute.
pub(super) struct Making {
    pub(super) classes: usize,
    pub(super) device: Device,
    pub(super) tensors: BTreeMap<String, Tensor>,
}

impl Making {
    fn insert(&mut self, name: String, tensor: Tensor, trained: bool) {
        let tensor = tensor.to_device(self.device).set_requires_grad(trained);
        self.tensors.insert(name, tensor);
    }
}

/// Random numbers come from the processor, so that every device starts alike.
const MADE: (Kind, Device) = (Kind::Float, Device::Cpu);

impl Layers for Making {
    type Maps = ();
    type Error = Infallible;

    /// He et al. 2015, by the number of outputs.
    fn conv_norm(
        &mut self,
        (): &(),
        conv: &str,
        norm: &str,
        sizes: Sizes,
    ) -> Result<(), Infallible> {
        let Sizes { from, to, kernel, .. } = sizes;
        let deviation = (2.0 / (kernel * kernel * to) as f64).sqrt();
        let weight = Tensor::randn(shape(&[to, from, kernel, kernel]), MADE) * deviation;
        self.insert(format!("{conv}.weight"), channels_last(&weight), true);
        self.insert(format!("{norm}.weight"), Tensor::ones(shape(&[to]), MADE), true);
        self.insert(format!("{norm}.bias"), Tensor::zeros(shape(&[to]), MADE), true);
        self.insert(format!("{norm}.running_mean"), Tensor::zeros(shape(&[to]), MADE), false);
        self.insert(format!("{norm}.running_var"), Tensor::ones(shape(&[to]), MADE), false);
        Ok(())
    }

    fn relu(&mut self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn add(&mut self, (): &(), (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn max_pool(&mut self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    /// As PyTorch's linear layer starts.
    fn head(&mut self, (): &(), name: &str, features: usize) -> Result<(), Infallible> {
        let limit = 1.0 / (features as f64).sqrt();
        let random = |sizes: &[usize]| Tensor::empty(shape(sizes), MADE).uniform_(-limit, limit);
        let (weight, bias) = (random(&[self.classes, features]), random(&[self.classes]));
        self.insert(format!("{name}.weight"), weight, true);
        self.insert(format!("{name}.bias"), bias, true);
        Ok(())
    }
}

/// In the memory format that convolutions are fastest with. Inputs of one channel
/// do not show theirs, so weights have it too.
pub(super) fn channels_last(maps: &Tensor) -> Tensor {
    maps.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

fn shape(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect()
}

/// Computes with tensors that are all there.
pub(super) struct Running<'a> {
    pub(super) tensors: &'a BTreeMap<String, Tensor>,
    pub(super) mode: Mode,
    /// Of convolutions.
    pub(super) precision: Kind,
}

impl Running<'_> {
    fn tensor(&self, layer: &str, part: &str) -> &Tensor {
        // The same architecture made them.
        &self.tensors[&format!("{layer}.{part}")]
    }
}

/// The values in another number format. `to_kind` does the same, but what is traced then names
/// the device that the tensor was on, and runs on no other.
pub(crate) fn cast(tensor: &Tensor, kind: Kind) -> Tensor {
    tensor.to_dtype(kind, false, false)
}

impl Layers for Running<'_> {
    type Maps = Tensor;
    type Error = Infallible;

    fn conv_norm(
        &mut self,
        maps: &Tensor,
        conv: &str,
        norm: &str,
        sizes: Sizes,
    ) -> Result<Tensor, Infallible> {
        let both = |size: usize| [i64::try_from(size).unwrap_or(i64::MAX); 2];
        let (stride, padding) = (both(sizes.stride), both(sizes.kernel / 2));
        let weight = cast(self.tensor(conv, "weight"), self.precision);
        let maps = maps.conv2d(&weight, None::<&Tensor>, stride, padding, [1, 1], 1);
        Ok(maps.batch_norm(
            Some(self.tensor(norm, "weight")),
            Some(self.tensor(norm, "bias")),
            Some(self.tensor(norm, "running_mean")),
            Some(self.tensor(norm, "running_var")),
            self.mode == Mode::Train,
            NORM_MOMENTUM,
            NORM_EPSILON,
            true,
        ))
    }

    fn relu(&mut self, maps: &Tensor) -> Result<Tensor, Infallible> {
        Ok(maps.relu())
    }

    fn add(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor, Infallible> {
        Ok(a + b)
    }

    fn max_pool(&mut self, maps: &Tensor) -> Result<Tensor, Infallible> {
        Ok(maps.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false))
    }

    fn head(&mut self, maps: &Tensor, name: &str, _: usize) -> Result<Tensor, Infallible> {
        let features = cast(maps, Kind::Float).mean_dim([2i64, 3].as_slice(), false, Kind::Float);
        Ok(features.linear(self.tensor(name, "weight"), Some(self.tensor(name, "bias"))))
    }
}
