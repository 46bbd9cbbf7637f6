//! Inputs, and the integer lattice that base classifiers see.
//!
//! A base classifier sees lattice points only: integers times a [`Quantum`] (8-bit
//! pixels: 1/255). Its input is the noisy image *rounded after the noise*, so Cohen's
//! theorem holds in finite precision (Voráček & Hein, ICLR 2023) and at every real
//! input, on the lattice or off it: see [`crate::noise`].

mod digest;
mod input;
mod quantum;
mod shape;

pub use digest::{Digest, DigestError};
pub(crate) use input::Place;
pub use input::{Given, LatticeInput};
pub use quantum::{MAX_LEVELS, Quantum};
pub use shape::Shape;

/// What is wrong with a lattice description or a value on it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LatticeError {
    /// The text is not a quantum.
    #[error(
        "quantum is \"{0}\", expected \"1/N\" with N from 1 to {MAX_LEVELS}, such as \"1/255\""
    )]
    Quantum(String),
    /// A dimension is zero or the tensor is too large.
    #[error(
        "shape is {0:?}, expected [channels, height, width], each at least 1, and below 2^31 values together"
    )]
    Shape([usize; 3]),
    /// The number of values does not match the shape.
    #[error("{found} values found, expected {expected} for shape {shape}")]
    Length {
        /// Values given.
        found: usize,
        /// Values that the shape needs.
        expected: usize,
        /// The shape.
        shape: Shape,
    },
    /// A value is outside [0, 1].
    #[error("value {value} at position {position} is outside [0, 1]")]
    Range {
        /// The offending value in input units.
        value: f64,
        /// Its position in the tensor.
        position: usize,
    },
}
