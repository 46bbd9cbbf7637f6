//! The number format that a network computes in.

/// Number format of the convolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// bfloat16; the linear layers at the end stay in 32-bit floats.
    Bf16,
}
