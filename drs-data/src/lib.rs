#![forbid(unsafe_code)]
//! Images and data sets as lattice inputs.
//!
//! * [`read_image`]: one PNG, JPEG or npy file.
//! * [`Dataset`]: labelled inputs by index: ImageFolder, IDX, CIFAR, Parquet,
//!   NumPy arrays.
//! * [`Subset`]: which indices to take.

mod dataset;
mod error;
mod image;
mod jpeg;
mod npy;
mod subset;

use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum, Shape};

pub use dataset::{Dataset, Example, OpenOptions};
pub use error::DataError;
pub use subset::Subset;

/// What inputs must look like, as experts.toml declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSpec {
    /// Channels, height, width.
    pub shape: Shape,
    /// The lattice's step.
    pub quantum: Quantum,
}

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
