//! Inputs as small pictures.

use std::io::Cursor;

use drs_core::lattice::LatticeInput;
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

/// Pictures are not larger than this, each way.
const MOST: u32 = 96;

/// An input as PNG; `None` if it has neither one nor three channels.
#[must_use]
pub fn thumbnail(input: &LatticeInput) -> Option<Vec<u8>> {
    let [channels, height, width] = input.shape().dims();
    let levels = f64::from(input.quantum().levels());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let pixel = |value: i16| (f64::from(value) * 255.0 / levels).round().clamp(0.0, 255.0) as u8;
    let (plane, values) = (height * width, input.values());
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let image: DynamicImage = match channels {
        1 => GrayImage::from_raw(width, height, values.iter().map(|&v| pixel(v)).collect())?.into(),
        3 => {
            let interleaved = (0..plane * 3).map(|i| pixel(values[i % 3 * plane + i / 3]));
            RgbImage::from_raw(width, height, interleaved.collect())?.into()
        }
        _ => return None,
    };
    let small = if width.max(height) > MOST {
        image.resize(MOST, MOST, FilterType::Triangle)
    } else {
        image
    };
    let mut png = Cursor::new(Vec::new());
    small.write_to(&mut png, ImageFormat::Png).ok()?;
    Some(png.into_inner())
}

#[cfg(test)]
mod tests {
    use drs_core::lattice::{Quantum, Shape};

    use super::*;

    #[test]
    fn channels_become_colours_and_large_inputs_small() {
        let shape = Shape::new([3, 1, 2]).unwrap();
        let values = vec![255, 0, 10, 20, 0, 255];
        let input = LatticeInput::new(shape, Quantum::EIGHT_BIT, values).unwrap();
        let image = image::load_from_memory(&thumbnail(&input).unwrap()).unwrap().to_rgb8();
        assert_eq!(image.into_raw(), [255, 10, 0, 0, 20, 255]);
        let shape = Shape::new([1, 200, 400]).unwrap();
        let input = LatticeInput::new(shape, Quantum::EIGHT_BIT, vec![9; 80_000]).unwrap();
        let image = image::load_from_memory(&thumbnail(&input).unwrap()).unwrap();
        assert_eq!((image.width(), image.height()), (96, 48));
    }
}
