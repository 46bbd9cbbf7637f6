#![forbid(unsafe_code)]
//! Images and data sets as lattice inputs.
//!
//! * [`read_image`]: one PNG, JPEG or npy file.
//! * [`Dataset`]: labelled inputs by index: ImageFolder, IDX, CIFAR, Parquet,
//!   NumPy arrays.
//! * [`Subset`]: which indices to take; [`Shard`]: a machine's share of them.

mod dataset;
mod error;
mod image;
mod jpeg;
mod npy;
mod resize;
mod shard;
mod subset;

use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum, Shape};
use serde::{Deserialize, Serialize};

pub use dataset::{Dataset, Example, Labels, OpenOptions};
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

/// Reads one image: PNG or JPEG with 8 bits per channel, or `.npy`.
///
/// A grayscale file is replicated for a three-channel spec, as torchvision
/// does; every other conversion would lose something and is an error.
///
/// # Errors
/// If the file cannot be read or decoded, or does not have the spec's shape,
/// channels and depth.
pub fn read_image(path: &Path, spec: InputSpec) -> Result<LatticeInput, DataError> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
    match extension.as_str() {
        "npy" => npy::read(path, spec),
        "png" | "jpg" | "jpeg" => image::read(path, spec),
        _ => Err(DataError::new(
            path,
            "not a known kind of image, expected .png, .jpg, .jpeg or .npy",
        )),
    }
}
