//! Inputs as points of an integer lattice.
//!
//! An input is a tensor of integers times a [`Quantum`] (8-bit pixels: 1/255).
//! Noise is added in integers too, so the base classifier sees a function of
//! the lattice point alone and Cohen's theorem holds in finite precision
//! (Voráček & Hein, ICLR 2023).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What is wrong with a lattice description or a value on it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LatticeError {
    /// The text is not a quantum.
    #[error(
        "quantum is \"{0}\", expected \"1/N\" with N from 1 to {MAX_LEVELS}, such as \"1/255\""
    )]
    Quantum(String),
    /// A dimension is zero or the tensor is too large.
    #[error("shape is {0:?}, expected [channels, height, width], each at least 1")]
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

/// The largest denominator of a quantum: leaves room for noise in an `i16`.
pub const MAX_LEVELS: u16 = 4095;

/// The step of the lattice, 1/levels in input units. Written `"1/255"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantum {
    levels: u16,
}

impl Quantum {
    /// The step of 8-bit images, 1/255.
    pub const EIGHT_BIT: Self = Self { levels: 255 };

    /// The number of steps from 0 to 1.
    #[must_use]
    pub fn levels(self) -> u16 {
        self.levels
    }

    /// The step in input units.
    #[must_use]
    pub fn step(self) -> f64 {
        1.0 / f64::from(self.levels)
    }
}

impl FromStr for Quantum {
    type Err = LatticeError;
    fn from_str(text: &str) -> Result<Self, LatticeError> {
        text.trim()
            .strip_prefix("1/")
            .and_then(|levels| levels.trim().parse().ok())
            .filter(|levels| (1..=MAX_LEVELS).contains(levels))
            .map(|levels| Self { levels })
            .ok_or_else(|| LatticeError::Quantum(text.to_owned()))
    }
}

impl TryFrom<String> for Quantum {
    type Error = LatticeError;
    fn try_from(text: String) -> Result<Self, LatticeError> {
        text.parse()
    }
}

impl From<Quantum> for String {
    fn from(quantum: Quantum) -> Self {
        quantum.to_string()
    }
}

impl fmt::Display for Quantum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}", self.levels)
    }
}

/// Shape of one input: channels, height, width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[usize; 3]", into = "[usize; 3]")]
pub struct Shape([usize; 3]);

impl Shape {
    /// # Errors
    /// If a dimension is zero, or the tensor has 2³¹ values or more.
    pub fn new(dims: [usize; 3]) -> Result<Self, LatticeError> {
        let values = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
        match values {
            Some(values) if (1..1 << 31).contains(&values) => Ok(Self(dims)),
            _ => Err(LatticeError::Shape(dims)),
        }
    }

    /// Channels, height, width.
    #[must_use]
    pub fn dims(self) -> [usize; 3] {
        self.0
    }

    /// The number of values in one input.
    #[must_use]
    pub fn values(self) -> usize {
        self.0.iter().product()
    }
}

impl TryFrom<[usize; 3]> for Shape {
    type Error = LatticeError;
    fn try_from(dims: [usize; 3]) -> Result<Self, LatticeError> {
        Self::new(dims)
    }
}

impl From<Shape> for [usize; 3] {
    fn from(shape: Shape) -> Self {
        shape.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [channels, height, width] = self.0;
        write!(f, "{channels}x{height}x{width}")
    }
}

/// One input on the lattice, in CHW order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatticeInput {
    shape: Shape,
    quantum: Quantum,
    values: Vec<i16>,
    quantised: bool,
}

impl LatticeInput {
    /// An input whose values are integers from 0 to the quantum's levels.
    ///
    /// # Errors
    /// If the number of values does not match the shape, or one is out of range.
    pub fn new(shape: Shape, quantum: Quantum, values: Vec<i16>) -> Result<Self, LatticeError> {
        check_length(shape, values.len())?;
        let levels = quantum.levels.cast_signed();
        if let Some(position) = values.iter().position(|value| !(0..=levels).contains(value)) {
            let value = f64::from(values[position]) * quantum.step();
            return Err(LatticeError::Range { value, position });
        }
        Ok(Self { shape, quantum, values, quantised: false })
    }

    /// An input given in input units, moved to the nearest lattice point.
    ///
    /// [`quantised`](Self::quantised) then tells whether any value moved by
    /// more than single-precision rounding: the certificate is for the lattice
    /// point, not for the values given.
    ///
    /// # Errors
    /// If the number of values does not match the shape, or one is outside
    /// \[0, 1\] or not a number.
    pub fn quantise(shape: Shape, quantum: Quantum, values: &[f64]) -> Result<Self, LatticeError> {
        check_length(shape, values.len())?;
        let levels = f64::from(quantum.levels);
        let mut quantised = false;
        let mut lattice = Vec::with_capacity(values.len());
        for (position, &value) in values.iter().enumerate() {
            if !(0.0..=1.0).contains(&value) {
                return Err(LatticeError::Range { value, position });
            }
            let nearest = (value * levels).round();
            quantised |= (nearest - value * levels).abs() > 1e-3;
            #[expect(clippy::cast_possible_truncation, reason = "0 to MAX_LEVELS fits an i16")]
            lattice.push(nearest as i16);
        }
        Ok(Self { shape, quantum, values: lattice, quantised })
    }

    /// Channels, height, width.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The lattice's step.
    #[must_use]
    pub fn quantum(&self) -> Quantum {
        self.quantum
    }

    /// The values in units of the quantum.
    #[must_use]
    pub fn values(&self) -> &[i16] {
        &self.values
    }

    /// Whether the input given was off the lattice and had to be moved.
    #[must_use]
    pub fn quantised(&self) -> bool {
        self.quantised
    }

    /// SHA-256 over shape, quantum and values: the input's identity in noise
    /// addresses and certificates.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(b"drs input v1");
        for dim in self.shape.0 {
            hash.update((dim as u64).to_le_bytes());
        }
        hash.update(self.quantum.levels.to_le_bytes());
        for value in &self.values {
            hash.update(value.to_le_bytes());
        }
        Digest(hash.finalize().into())
    }
}

fn check_length(shape: Shape, found: usize) -> Result<(), LatticeError> {
    let expected = shape.values();
    if found == expected { Ok(()) } else { Err(LatticeError::Length { found, expected, shape }) }
}

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

/// Text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no digest, expected 64 hexadecimal digits")]
pub struct DigestError(String);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let error = || DigestError(text.to_owned());
        if text.len() != 64 || !text.is_ascii() {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16);
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                return Err(error());
            };
            *byte = u8::try_from(high * 16 + low).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape::new([1, 1, 2]).unwrap()
    }

    #[test]
    fn quantum_is_one_over_levels() {
        assert_eq!("1/255".parse::<Quantum>().unwrap(), Quantum::EIGHT_BIT);
        for bad in ["255", "1/0", "2/255", "1/4096", "1/-3", "", "1/x"] {
            assert!(bad.parse::<Quantum>().is_err(), "{bad}");
        }
    }

    #[test]
    fn quantise_tells_whether_a_value_moved() {
        let on: Vec<f64> = [3.0f32 / 255.0, 1.0].iter().map(|&v| f64::from(v)).collect();
        let input = LatticeInput::quantise(shape(), Quantum::EIGHT_BIT, &on).unwrap();
        assert_eq!((input.values(), input.quantised()), (&[3, 255][..], false));
        let off = LatticeInput::quantise(shape(), Quantum::EIGHT_BIT, &[0.5, 1.0]).unwrap();
        assert!(off.quantised());
        for bad in [f64::NAN, -0.1, 1.1] {
            assert!(LatticeInput::quantise(shape(), Quantum::EIGHT_BIT, &[bad, 0.0]).is_err());
        }
    }

    #[test]
    fn digests_tell_inputs_apart_and_are_stable() {
        let one = LatticeInput::new(shape(), Quantum::EIGHT_BIT, vec![0, 1]).unwrap();
        let other = LatticeInput::new(shape(), Quantum::EIGHT_BIT, vec![1, 0]).unwrap();
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.digest().to_string().parse::<Digest>().unwrap(), one.digest());
        assert!("xyz".parse::<Digest>().is_err());
    }

    #[test]
    fn values_must_fit_shape_and_range() {
        assert!(LatticeInput::new(shape(), Quantum::EIGHT_BIT, vec![0]).is_err());
        assert!(LatticeInput::new(shape(), Quantum::EIGHT_BIT, vec![0, 256]).is_err());
        assert!(Shape::new([1, 0, 2]).is_err());
        assert!(Shape::new([usize::MAX, 2, 2]).is_err());
    }
}
