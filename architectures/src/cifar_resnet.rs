//! Residual networks for 32×32 images: He, Zhang, Ren & Sun 2016, *Deep residual
//! learning for image recognition*, §4.2, with projections where sizes change.
//! Tensor names as in the checkpoints of Cohen, Rosenfeld & Kolter 2019.

use crate::{HEAD, Layers, Sizes};

/// The network of 6n + 2 layers.
pub(crate) fn forward<L: Layers>(
    depth: usize,
    layers: &mut L,
    inputs: &L::Maps,
) -> Result<L::Maps, L::Error> {
    let stem = Sizes { from: 3, to: 16, kernel: 3, stride: 1 };
    let mut x = layers.conv_norm(inputs, "conv1", "bn1", stem)?;
    x = layers.relu(&x)?;
    for (layer, from, to, stride) in [(1, 16, 16, 1), (2, 16, 32, 2), (3, 32, 64, 2)] {
        for index in 0..(depth - 2) / 6 {
            let (from, stride) = if index == 0 { (from, stride) } else { (to, 1) };
            let sizes = Sizes { from, to, kernel: 3, stride };
            x = block(layers, &x, &format!("layer{layer}.{index}"), sizes)?;
        }
    }
    layers.head(&x, HEAD, 64)
}

/// Two convolutions, of which the first has these sizes, around a shortcut.
fn block<L: Layers>(
    layers: &mut L,
    x: &L::Maps,
    name: &str,
    first: Sizes,
) -> Result<L::Maps, L::Error> {
    let named = |part: &str| format!("{name}.{part}");
    let inner = layers.conv_norm(x, &named("conv1"), &named("bn1"), first)?;
    let inner = layers.relu(&inner)?;
    let second = Sizes { from: first.to, stride: 1, ..first };
    let residual = layers.conv_norm(&inner, &named("conv2"), &named("bn2"), second)?;
    let sum = if first.stride == 1 && first.from == first.to {
        layers.add(&residual, x)?
    } else {
        let sizes = Sizes { kernel: 1, ..first };
        let names = (named("downsample.0"), named("downsample.1"));
        let shortcut = layers.conv_norm(x, &names.0, &names.1, sizes)?;
        layers.add(&residual, &shortcut)?
    };
    layers.relu(&sum)
}
