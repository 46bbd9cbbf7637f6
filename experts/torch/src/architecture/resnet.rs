//! Residual networks of bottleneck blocks for ImageNet: He, Zhang, Ren & Sun
//! 2016, *Deep residual learning for image recognition*, table 1, with the
//! stride in the 3×3 convolution as torchvision has it. Tensor names are
//! torchvision's.

use drs_plugins_api::Error;
use tch::{TchError, Tensor};

use super::Forward;
use super::layers::{ConvNorm, Head, Sizes};
use crate::weights::Weights;

/// Output channels of a block for each channel inside it.
const EXPANSION: i64 = 4;

struct Bottleneck {
    reduce: ConvNorm,
    spatial: ConvNorm,
    expand: ConvNorm,
    projection: Option<ConvNorm>,
}

impl Bottleneck {
    fn take(
        weights: &mut Weights,
        name: &str,
        from: i64,
        inner: i64,
        stride: i64,
    ) -> Result<Self, Error> {
        let mut conv = |conv: &str, norm: &str, sizes| {
            ConvNorm::take(weights, &format!("{name}.{conv}"), &format!("{name}.{norm}"), sizes)
        };
        let to = inner * EXPANSION;
        let projected = stride != 1 || from != to;
        Ok(Self {
            reduce: conv("conv1", "bn1", Sizes { from, to: inner, kernel: 1, stride: 1 })?,
            spatial: conv("conv2", "bn2", Sizes { from: inner, to: inner, kernel: 3, stride })?,
            expand: conv("conv3", "bn3", Sizes { from: inner, to, kernel: 1, stride: 1 })?,
            projection: projected
                .then(|| {
                    conv("downsample.0", "downsample.1", Sizes { from, to, kernel: 1, stride })
                })
                .transpose()?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let inner = self.spatial.forward(&self.reduce.forward(x)?.f_relu()?)?.f_relu()?;
        let residual = self.expand.forward(&inner)?;
        let shortcut = self.projection.as_ref().map(|projection| projection.forward(x));
        residual.f_add(shortcut.transpose()?.as_ref().unwrap_or(x))?.f_relu()
    }
}

/// The network with so many blocks in each of its four layers.
pub(super) fn build(layers: [usize; 4], weights: &mut Weights) -> Result<Forward, Error> {
    let stem = Sizes { from: 3, to: 64, kernel: 7, stride: 2 };
    let stem = ConvNorm::take(weights, "conv1", "bn1", stem)?;
    let mut blocks = Vec::new();
    let mut from = 64;
    for ((layer, inner), count) in [(1, 64), (2, 128), (3, 256), (4, 512)].into_iter().zip(layers) {
        for index in 0..count {
            let stride = if index == 0 && layer > 1 { 2 } else { 1 };
            let name = format!("layer{layer}.{index}");
            blocks.push(Bottleneck::take(weights, &name, from, inner, stride)?);
            from = inner * EXPANSION;
        }
    }
    let head = Head::take(weights, "fc", from)?;
    Ok(Box::new(move |x| {
        let stem = stem.forward(x)?.f_relu()?;
        let stem = stem.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?;
        head.forward(&blocks.iter().try_fold(stem, |x, block| block.forward(&x))?)
    }))
}
