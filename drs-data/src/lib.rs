#![forbid(unsafe_code)]
//! Images and data sets as lattice inputs.
//!
//! * [`read_image`]: one image or npy file.
//! * [`Dataset`]: labelled inputs by index: ImageFolder, IDX, CIFAR, STL-10,
//!   SVHN, Parquet, NumPy arrays.
//! * [`Subset`]: which indices to take; [`Shard`]: a machine's share of them.

mod dataset;
mod error;
mod guard;
mod image;
mod npy;
mod resize;
mod shard;
mod subset;

use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum, Shape};
use serde::{Deserialize, Serialize};

pub use dataset::{Brought, Classes, Dataset, Example, Inputs, Labels, OpenOptions};
pub use error::DataError;
pub use resize::{Interpolation, Resize};
pub use shard::Shard;
pub use subset::Subset;

/// What inputs must look like, as experts.toml declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Channels, height, width.
    pub shape: Shape,
    /// The lattice's step.
    pub quantum: Quantum,
    /// What is done to image files of other sizes; without it they are an error.
    /// Arrays always have the shape.
    pub resize: Option<Resize>,
}

impl InputSpec {
    /// # Errors
    /// If the resized image would not have the whole crop.
    pub fn validate(&self) -> Result<(), String> {
        let [_, height, width] = self.shape.dims();
        match self.resize {
            Some(Resize { side, .. }) if !(height.max(width)..=MAX_SIDE).contains(&side) => {
                let least = height.max(width);
                Err(format!(
                    "resize.side: {side} found, expected {least} to {MAX_SIDE} for inputs of {height}x{width}"
                ))
            }
            _ => Ok(()),
        }
    }
}

/// No model takes more.
const MAX_SIDE: usize = 1 << 16;

/// An input that was read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The input.
    pub input: LatticeInput,
    /// What was done to the file's pixels to get there, in words, beside the resizing
    /// that the spec asks for; `None` if nothing was.
    pub conversion: Option<String>,
}

/// Reads one image: `.npy`, or PNG, JPEG, BMP, PPM, PGM, TIFF, WebP or GIF with 8 bits
/// per channel; its content tells which, not its name.
///
/// Conversions that lose nothing are done and told: gray becomes three equal channels,
/// as torchvision has it, three equal channels become gray, and alpha of 255 everywhere
/// is left out. CMYK in JPEG becomes RGB as Pillow has it. All others are errors.
///
/// # Errors
/// If the file cannot be read or decoded, or does not have the spec's shape,
/// channels and depth.
pub fn read_image(path: &Path, spec: InputSpec) -> Result<Image, DataError> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy")) {
        let input = npy::read(path, spec)?;
        return Ok(Image { input, conversion: None });
    }
    image::read(path, spec)
}

/// The image in these bytes, which are a file's: PNG, JPEG, BMP, PPM, PGM, TIFF, WebP or GIF, with
/// the conversions of [`read_image`].
///
/// # Errors
/// If they cannot be decoded, or do not have the spec's shape, channels and depth.
pub fn decode_image(bytes: &[u8], spec: InputSpec) -> Result<Image, String> {
    image::decode(bytes, None, spec)
}
