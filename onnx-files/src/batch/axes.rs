//! Dimensions that operators name, and whether the first is among them.

use rten_onnx::onnx::{DataType, NodeProto, TensorProto};

use super::Known;
use crate::walk::{attribute, integer};

/// Dimensions that an operator works over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Axes {
    All,
    None,
    These(Vec<i64>),
    /// Computed, or in another file.
    Unknown,
}

impl Axes {
    /// Those of a `Reduce…` operator: an attribute in old files, an input in new ones.
    pub(super) fn of_reduction(node: &NodeProto, known: &Known<'_>) -> Self {
        let axes = match Self::listed(node, known) {
            Some(axes) => axes,
            None => Self::These(Vec::new()),
        };
        match axes {
            Self::These(axes) if axes.is_empty() => {
                let nothing = integer(node, "noop_with_empty_axes") == Some(1);
                if nothing { Self::None } else { Self::All }
            }
            other => other,
        }
    }

    /// The attribute or the second input `axes`, if there is one.
    pub(super) fn listed(node: &NodeProto, known: &Known<'_>) -> Option<Self> {
        if let Some(axes) = attribute(node, "axes") {
            return Some(Self::These(axes.ints.clone()));
        }
        known.input(node, 1)?;
        Some(known.integers(node, 1).map_or(Self::Unknown, Self::These))
    }

    /// How many they are; `None` where that takes the number of dimensions.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::None => Some(0),
            Self::These(axes) => Some(axes.len()),
            Self::All | Self::Unknown => None,
        }
    }

    /// Whether the first of so many dimensions is among them; `None` if that is not known.
    pub(super) fn hold_first(&self, rank: Option<usize>) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::None => Some(false),
            Self::Unknown => None,
            Self::These(axes) => {
                let first: Vec<_> = axes.iter().map(|&axis| is_first(axis, rank)).collect();
                if first.contains(&Some(true)) {
                    return Some(true);
                }
                first.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
    }
}

/// Whether a dimension, counted from the end where it is negative, is the first.
pub(super) fn is_first(axis: i64, rank: Option<usize>) -> Option<bool> {
    if axis >= 0 {
        return Some(axis == 0);
    }
    let rank = i64::try_from(rank?).ok()?;
    Some(axis + rank == 0)
}

/// The integers of a tensor that is in the file itself.
pub(super) fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let kind = tensor.data_type?;
    if let Some(raw) = &tensor.raw_data {
        let raw = raw.borrow();
        return match kind {
            DataType::INT64 => {
                Some(raw.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
            }
            DataType::INT32 => {
                let words = raw.as_chunks().0.iter();
                Some(words.map(|bytes| i32::from_le_bytes(*bytes).into()).collect())
            }
            DataType::BOOL | DataType::UINT8 => Some(raw.iter().copied().map(i64::from).collect()),
            _ => None,
        };
    }
    let is_here = tensor.external_data.is_empty();
    match kind {
        DataType::INT64 if is_here => Some(tensor.int64_data.clone()),
        DataType::INT32 | DataType::BOOL | DataType::UINT8 if is_here => {
            Some(tensor.int32_data.iter().copied().map(i64::from).collect())
        }
        _ => None,
    }
}
