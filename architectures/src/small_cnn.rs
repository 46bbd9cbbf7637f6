//! A small convolutional network for 28×28 images in gray, of 242,000 weights: our own.

use crate::{HEAD, Layers, Sizes};

const LAYERS: [Sizes; 4] = [
    Sizes { from: 1, to: 32, kernel: 3, stride: 1 },
    Sizes { from: 32, to: 64, kernel: 3, stride: 2 },
    Sizes { from: 64, to: 128, kernel: 3, stride: 2 },
    Sizes { from: 128, to: 128, kernel: 3, stride: 1 },
];

pub(crate) fn forward<L: Layers>(layers: &mut L, inputs: &L::Maps) -> Result<L::Maps, L::Error> {
    let [first, rest @ ..] = LAYERS;
    let mut x = layers.conv_norm(inputs, "conv1", "bn1", first)?;
    x = layers.relu(&x)?;
    for (number, sizes) in (2..).zip(rest) {
        x = layers.conv_norm(&x, &format!("conv{number}"), &format!("bn{number}"), sizes)?;
        x = layers.relu(&x)?;
    }
    layers.head(&x, HEAD, 128)
}
