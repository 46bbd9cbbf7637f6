//! The layers that architectures are made of.

use drs_plugins_api::Error;
use tch::{TchError, Tensor};

use crate::weights::Weights;

/// PyTorch's default.
const NORM_EPSILON: f64 = 1e-5;

/// A convolution without bias, then batch normalisation.
pub(super) struct ConvNorm {
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    stride: i64,
    padding: i64,
}

/// Sizes of a [`ConvNorm`].
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) kernel: i64,
    pub(super) stride: i64,
}

impl ConvNorm {
    /// Takes the tensors of convolution `conv` and normalisation `norm`.
    pub(super) fn take(
        weights: &mut Weights,
        conv: &str,
        norm: &str,
        sizes: Sizes,
    ) -> Result<Self, Error> {
        let Sizes { from, to, kernel, stride } = sizes;
        let mut statistic = |name: &str| weights.take(&format!("{norm}.{name}"), &[to]);
        Ok(Self {
            scale: statistic("weight")?,
            shift: statistic("bias")?,
            mean: statistic("running_mean")?,
            variance: statistic("running_var")?,
            weight: weights.take(&format!("{conv}.weight"), &[to, from, kernel, kernel])?,
            stride,
            padding: kernel / 2,
        })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        x.f_conv2d(&self.weight, None::<&Tensor>, stride, padding, [1, 1], 1)?.f_batch_norm(
            Some(&self.scale),
            Some(&self.shift),
            Some(&self.mean),
            Some(&self.variance),
            false,
            0.0,
            NORM_EPSILON,
            false,
        )
    }
}

/// The linear layer at the end; the number of classes is whatever it has.
pub(super) struct Head {
    weight: Tensor,
    bias: Tensor,
}

impl Head {
    pub(super) fn take(weights: &mut Weights, name: &str, features: i64) -> Result<Self, Error> {
        let classes = weights.rows(&format!("{name}.weight"))?;
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), &[classes, features])?,
            bias: weights.take(&format!("{name}.bias"), &[classes])?,
        })
    }

    /// Logits of feature maps, averaged over their pixels.
    pub(super) fn forward(&self, maps: &Tensor) -> Result<Tensor, TchError> {
        let features = maps.f_adaptive_avg_pool2d([1, 1])?.f_flatten(1, -1)?;
        features.f_linear(&self.weight, Some(&self.bias))
    }
}
