//! Residual networks for 32×32 images: He, Zhang, Ren & Sun 2016, *Deep residual
//! learning for image recognition*, §4.2, with projections where sizes change.
//! Tensor names as in the checkpoints of Cohen, Rosenfeld & Kolter 2019.

use drs_plugins_api::Error;
use tch::{TchError, Tensor};

use super::Forward;
use super::layers::{ConvNorm, Head, Sizes};
use crate::weights::Weights;

struct Block {
    first: ConvNorm,
    second: ConvNorm,
    projection: Option<ConvNorm>,
}

impl Block {
    fn take(
        weights: &mut Weights,
        name: &str,
        from: i64,
        to: i64,
        stride: i64,
    ) -> Result<Self, Error> {
        let mut conv = |conv: &str, norm: &str, sizes| {
            ConvNorm::take(weights, &format!("{name}.{conv}"), &format!("{name}.{norm}"), sizes)
        };
        let projected = stride != 1 || from != to;
        Ok(Self {
            first: conv("conv1", "bn1", Sizes { from, to, kernel: 3, stride })?,
            second: conv("conv2", "bn2", Sizes { from: to, to, kernel: 3, stride: 1 })?,
            projection: projected
                .then(|| {
                    conv("downsample.0", "downsample.1", Sizes { from, to, kernel: 1, stride })
                })
                .transpose()?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let residual = self.second.forward(&self.first.forward(x)?.f_relu()?)?;
        let shortcut = self.projection.as_ref().map(|projection| projection.forward(x));
        residual.f_add(shortcut.transpose()?.as_ref().unwrap_or(x))?.f_relu()
    }
}

/// The network of 6n + 2 layers.
pub(super) fn build(depth: usize, weights: &mut Weights) -> Result<Forward, Error> {
    let stem = Sizes { from: 3, to: 16, kernel: 3, stride: 1 };
    let stem = ConvNorm::take(weights, "conv1", "bn1", stem)?;
    let mut blocks = Vec::new();
    for (layer, from, to, stride) in [(1, 16, 16, 1), (2, 16, 32, 2), (3, 32, 64, 2)] {
        for index in 0..(depth - 2) / 6 {
            let (from, stride) = if index == 0 { (from, stride) } else { (to, 1) };
            let name = format!("layer{layer}.{index}");
            blocks.push(Block::take(weights, &name, from, to, stride)?);
        }
    }
    let head = Head::take(weights, "fc", 64)?;
    Ok(Box::new(move |x| {
        let stem = stem.forward(x)?.f_relu()?;
        head.forward(&blocks.iter().try_fold(stem, |x, block| block.forward(&x))?)
    }))
}
