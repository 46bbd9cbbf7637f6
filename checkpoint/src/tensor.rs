//! Tensors as plain bytes.

use std::fmt;

use half::{bf16, f16};

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it: kind and bits")]
pub enum Dtype {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    /// One byte: 0 is false.
    Bool,
}

impl Dtype {
    /// Bytes per element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "float64",
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::I16 => "int16",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::Bool => "bool",
        })
    }
}

/// A tensor asked for floats that holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tensor holds {0}, expected a floating-point type")]
pub struct NotFloat(pub Dtype);

/// A dense tensor; `data` has as many bytes as `shape` and `dtype` say.
#[derive(Clone, PartialEq, Eq)]
pub struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Tensor {
    /// `None` unless the data has the length that the shape and type ask for.
    pub(crate) fn new(dtype: Dtype, shape: Vec<usize>, data: Vec<u8>) -> Option<Self> {
        let bytes = elements(&shape)?.checked_mul(dtype.size())?;
        (bytes == data.len()).then_some(Self { dtype, shape, data })
    }

    /// The type of the elements.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The size along each dimension; empty for a scalar.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order, each little-endian.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The elements as `f32`: 16-bit floats exactly, 64-bit ones rounded to the nearest.
    ///
    /// # Errors
    /// If the elements are integers or booleans, which are counts and masks and
    /// no weights.
    pub fn to_f32(&self) -> Result<Vec<f32>, NotFloat> {
        let bytes = &self.data;
        Ok(match self.dtype {
            Dtype::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
            Dtype::F32 => each(bytes, f32::from_le_bytes),
            Dtype::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Dtype::BF16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            dtype => return Err(NotFloat(dtype)),
        })
    }
}

impl fmt::Debug for Tensor {
    /// Without the data, which may be millions of numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({}, {:?})", self.dtype, self.shape)
    }
}

fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| value(*chunk)).collect()
}

/// How many elements a shape has, `None` if that is more than fits.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    // A zero empties the tensor, however large the other sizes are.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
}
