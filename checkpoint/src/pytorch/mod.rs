//! What `torch.save` writes: a pickle that describes tensors, and their data.
//!
//! * `zip`: the format since 1.6.
//! * `legacy`: the one before it.
//! * `state_dict`: which of the pickle's values is the state dict.
//! * `rebuild`: tensors out of their descriptions and data.

pub(crate) mod legacy;
mod rebuild;
mod state_dict;
pub(crate) mod zip;

/// How many bytes reading a file may cost in all. Compressed data may unfold,
/// and tensors may share their data, but not without end.
pub(crate) fn budget(file: usize) -> u64 {
    const SLACK: u64 = 16 << 20;
    (file as u64).saturating_mul(16).saturating_add(SLACK)
}

/// The error where the budget does not suffice.
pub(crate) fn over_budget(what: &str, bytes: impl std::fmt::Display) -> String {
    format!("{what} would unfold to {bytes} bytes, far more than the file holds: not a sane file")
}
