//! Residual networks of bottleneck blocks for ImageNet: He, Zhang, Ren & Sun
//! 2016, *Deep residual learning for image recognition*, table 1, with the
//! stride in the 3×3 convolution as torchvision has it. Tensor names are
//! torchvision's.

use crate::{HEAD, Layers, Sizes};

/// Output channels of a block for each channel inside it.
const EXPANSION: usize = 4;

/// The network with so many blocks in each of its four layers.
pub(crate) fn forward<L: Layers>(
    blocks: [usize; 4],
    layers: &mut L,
    inputs: &L::Maps,
) -> Result<L::Maps, L::Error> {
    let stem = Sizes { from: 3, to: 64, kernel: 7, stride: 2 };
    let mut x = layers.conv_norm(inputs, "conv1", "bn1", stem)?;
    x = layers.relu(&x)?;
    x = layers.max_pool(&x)?;
    let mut from = 64;
    for ((layer, inner), count) in [(1, 64), (2, 128), (3, 256), (4, 512)].into_iter().zip(blocks) {
        for index in 0..count {
            let stride = if index == 0 && layer > 1 { 2 } else { 1 };
            let sizes = Sizes { from, to: inner, kernel: 3, stride };
            x = bottleneck(layers, &x, &format!("layer{layer}.{index}"), sizes)?;
            from = inner * EXPANSION;
        }
    }
    layers.head(&x, HEAD, from)
}

/// Three convolutions, of which the middle one has this kernel and stride, around a shortcut.
fn bottleneck<L: Layers>(
    layers: &mut L,
    x: &L::Maps,
    name: &str,
    sizes: Sizes,
) -> Result<L::Maps, L::Error> {
    let named = |part: &str| format!("{name}.{part}");
    let Sizes { from, to: inner, stride, .. } = sizes;
    let to = inner * EXPANSION;
    let reduce = Sizes { from, to: inner, kernel: 1, stride: 1 };
    let inside = layers.conv_norm(x, &named("conv1"), &named("bn1"), reduce)?;
    let inside = layers.relu(&inside)?;
    let spatial = Sizes { from: inner, ..sizes };
    let inside = layers.conv_norm(&inside, &named("conv2"), &named("bn2"), spatial)?;
    let inside = layers.relu(&inside)?;
    let expand = Sizes { from: inner, to, kernel: 1, stride: 1 };
    let residual = layers.conv_norm(&inside, &named("conv3"), &named("bn3"), expand)?;
    let sum = if stride == 1 && from == to {
        layers.add(&residual, x)?
    } else {
        let sizes = Sizes { from, to, kernel: 1, stride };
        let names = (named("downsample.0"), named("downsample.1"));
        let shortcut = layers.conv_norm(x, &names.0, &names.1, sizes)?;
        layers.add(&residual, &shortcut)?
    };
    layers.relu(&sum)
}
