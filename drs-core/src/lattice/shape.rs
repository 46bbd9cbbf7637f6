//! The shape of inputs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::LatticeError;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_dimension_is_zero_and_no_shape_overflows() {
        assert!(Shape::new([1, 0, 2]).is_err());
        assert!(Shape::new([usize::MAX, 2, 2]).is_err());
    }
}
