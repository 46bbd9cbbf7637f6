//! Small convolutional networks for 28×28 images in gray: our own. Of 242,000 weights with
//! `width` 32, of 61,000 with 16.

use crate::{HEAD, Layers, Sizes};

pub(crate) fn forward<L: Layers>(
    width: usize,
    layers: &mut L,
    inputs: &L::Maps,
) -> Result<L::Maps, L::Error> {
    let conv = |from, to, stride| Sizes { from, to, kernel: 3, stride };
    let mut x = layers.conv_norm(inputs, "conv1", "bn1", conv(1, width, 1))?;
    x = layers.relu(&x)?;
    let rest =
        [conv(width, 2 * width, 2), conv(2 * width, 4 * width, 2), conv(4 * width, 4 * width, 1)];
    for (number, sizes) in (2..).zip(rest) {
        x = layers.conv_norm(&x, &format!("conv{number}"), &format!("bn{number}"), sizes)?;
        x = layers.relu(&x)?;
    }
    layers.head(&x, HEAD, 4 * width)
}
