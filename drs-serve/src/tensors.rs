//! Values of tensors, and how both wires write them.

use bytes::{Buf as _, Bytes};
use serde_json::{Value, json};

use crate::error::Refusal;

/// The values of a tensor that came in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// Little-endian bytes, as both wires' binary form has them.
    Raw(Bytes),
    /// `UINT8`.
    Bytes(Vec<u8>),
    /// `FP32`.
    Floats(Vec<f32>),
    /// `BYTES`: files.
    Files(Vec<Bytes>),
}

/// The values of a tensor that goes out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Bool(Vec<bool>),
    Int64(Vec<i64>),
    Uint64(Vec<u64>),
    Fp64(Vec<f64>),
    Text(Vec<String>),
}

impl Values {
    pub(crate) fn datatype(&self) -> &'static str {
        match self {
            Self::Bool(_) => "BOOL",
            Self::Int64(_) => "INT64",
            Self::Uint64(_) => "UINT64",
            Self::Fp64(_) => "FP64",
            Self::Text(_) => "BYTES",
        }
    }

    /// Little-endian; texts behind their lengths.
    pub(crate) fn raw(&self) -> Vec<u8> {
        match self {
            Self::Bool(values) => values.iter().map(|&value| u8::from(value)).collect(),
            Self::Int64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Uint64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Fp64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Text(values) => {
                let mut bytes = Vec::new();
                for value in values {
                    // No text of ours comes near 4 GiB.
                    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
                    bytes.extend_from_slice(&length.to_le_bytes());
                    bytes.extend_from_slice(value.as_bytes());
                }
                bytes
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Bool(values) => json!(values),
            Self::Int64(values) => json!(values),
            Self::Uint64(values) => json!(values),
            Self::Fp64(values) => json!(values),
            Self::Text(values) => json!(values),
        }
    }
}

/// Files behind their lengths, four bytes each, little-endian.
pub(crate) fn files(mut raw: Bytes, name: &str) -> Result<Vec<Bytes>, Refusal> {
    let mut files = Vec::new();
    while raw.has_remaining() {
        let length = raw.try_get_u32_le().ok().and_then(|length| usize::try_from(length).ok());
        match length.filter(|&length| length <= raw.len()) {
            Some(length) => files.push(raw.split_to(length)),
            None => {
                return Err(Refusal::invalid(format!(
                    "input {name}: element {} ends beyond the data, expected its length in four bytes, little-endian, and so many bytes",
                    files.len()
                )));
            }
        }
    }
    Ok(files)
}

/// `FP32`, little-endian.
pub(crate) fn floats(raw: &[u8]) -> Option<Vec<f32>> {
    let (values, rest) = raw.as_chunks::<4>();
    rest.is_empty().then(|| values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_their_lengths_say() {
        let raw = Values::Text(vec!["ab".to_owned(), String::new(), "c".to_owned()]).raw();
        assert_eq!(files(raw.clone().into(), "x").unwrap(), ["ab", "", "c"]);
        for cut in [1, 3, 5, 8, raw.len() - 1] {
            assert!(files(raw[..cut].to_vec().into(), "x").is_err(), "{cut}");
        }
        assert!(files(vec![255; 5].into(), "x").is_err());
    }

    #[test]
    fn floats_are_four_bytes_each() {
        assert_eq!(floats(&1.5f32.to_le_bytes()), Some(vec![1.5]));
        assert_eq!(floats(&[0; 5]), None);
    }
}
