//! Resize and centre crop as torchvision does for ImageNet, to the pixel.
//!
//! `transforms.Resize(side)` and `transforms.CenterCrop` on 8-bit images of
//! Pillow: a separable filter that widens when it shrinks, its weights in fixed
//! point, rows first and rounded before columns: Pillow up to 12.3, with which all
//! published results were made. Pillow 13 takes columns first in images more than
//! twice as tall as wide, and other libraries have other roundings: they differ by
//! a level in a tenth to a quarter of the pixels.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How images of other sizes become inputs: the shorter side is brought to
/// `side` pixels, then the centre is cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Pixels of the shorter side, at least the larger side of the crop.
    pub side: usize,
    /// How pixels are interpolated.
    #[serde(default)]
    pub interpolation: Interpolation,
}

/// How pixels are interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// torchvision's default.
    #[default]
    Bilinear,
    /// With a = −0.5, as Pillow has it.
    Bicubic,
}

impl Interpolation {
    /// Beyond this distance the weight is 0.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        const A: f64 = -0.5;
        let x = distance.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Bilinear | Self::Bicubic => 0.0,
        }
    }
}

/// 8-bit pixels, row by row, the channels of a pixel side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) values: Vec<u8>,
}

impl Resize {
    /// The centre, `height` x `width`, of the resized image. Only what is in it is computed.
    pub(crate) fn apply(self, image: &Pixels, height: usize, width: usize) -> Pixels {
        let shorter = image.height.min(image.width);
        let resized = |length: usize| self.side * length / shorter;
        let rows = self.taps(image.height, resized(image.height), height);
        let columns = self.taps(image.width, resized(image.width), width);
        let needed = rows.iter().map(|row| row.from.start).min().unwrap_or(0)
            ..rows.iter().map(|row| row.from.end).max().unwrap_or(0);
        vertical(&horizontal(image, &columns, needed.clone()), &rows, needed.start)
    }

    /// Where the middle `crop` of `resized` pixels come from.
    fn taps(self, length: usize, resized: usize, crop: usize) -> Vec<Taps> {
        let first = half_to_even(resized.saturating_sub(crop));
        let scale = length as f64 / resized as f64;
        (first..first + crop)
            .map(|pixel| Taps::of(self.interpolation, length, scale, pixel))
            .collect()
    }
}

/// Half of it; what lies between two numbers goes to the even one, as Python rounds.
fn half_to_even(twice: usize) -> usize {
    let half = twice / 2;
    half + usize::from(twice % 2 == 1 && half % 2 == 1)
}

/// Bits after the point of a weight: 32 less 8 for the pixel and 2 for overshoot.
const BITS: u32 = 22;

/// The pixels that one pixel is made of, and their weights.
struct Taps {
    from: Range<usize>,
    weights: Vec<i32>,
}

impl Taps {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "truncated where Pillow truncates; below zero is zero"
    )]
    fn of(interpolation: Interpolation, length: usize, scale: f64, pixel: usize) -> Self {
        let widened = scale.max(1.0);
        let support = interpolation.support() * widened;
        let center = (pixel as f64 + 0.5) * scale;
        let start = ((center - support + 0.5) as usize).min(length);
        let from = start..((center + support + 0.5) as usize).clamp(start, length);
        let narrowed = 1.0 / widened;
        let weight = |place: usize| interpolation.weight((place as f64 - center + 0.5) * narrowed);
        let weights: Vec<f64> = from.clone().map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: &f64| {
            let scaled = weight / sum * f64::from(1 << BITS);
            (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
        };
        Self { from, weights: weights.iter().map(fixed).collect() }
    }

    /// The weighted sum, to the nearest level.
    fn sum(&self, pixel: impl Fn(usize) -> u8) -> u8 {
        let terms = self.from.clone().zip(&self.weights);
        let sum: i32 = terms.map(|(place, weight)| i32::from(pixel(place)) * weight).sum();
        let level = (sum + (1 << (BITS - 1))) >> BITS;
        u8::try_from(level.clamp(0, 255)).unwrap_or(u8::MAX)
    }
}

/// The needed rows, each brought to its new width.
fn horizontal(image: &Pixels, columns: &[Taps], needed: Range<usize>) -> Pixels {
    let Pixels { width, channels, .. } = *image;
    let height = needed.len();
    let mut values = Vec::with_capacity(height * columns.len() * channels);
    for row in needed {
        let row = &image.values[row * width * channels..(row + 1) * width * channels];
        for taps in columns {
            values.extend((0..channels).map(|c| taps.sum(|place| row[place * channels + c])));
        }
    }
    Pixels { height, width: columns.len(), channels, values }
}

/// All columns brought to their new height; `first` is the first row that `image` has.
fn vertical(image: &Pixels, rows: &[Taps], first: usize) -> Pixels {
    let Pixels { width, channels, .. } = *image;
    let line = width * channels;
    let mut values = Vec::with_capacity(rows.len() * line);
    for taps in rows {
        let level = |x| taps.sum(|place| image.values[(place - first) * line + x]);
        values.extend((0..line).map(level));
    }
    Pixels { height: rows.len(), width, channels, values }
}
