//! The fixed-point scale of distribution functions.

/// Bits that pick the cell, and bits that decide inside an ambiguous one.
pub(super) const CELL_BITS: u32 = 16;
pub(super) const REST_BITS: u32 = 64;
/// One in the fixed-point scale of the distribution function.
pub(super) const ONE: u128 = 1 << (CELL_BITS + REST_BITS);
/// Beyond this many σ the distribution function is 0 or 1 to 80 bits.
pub(super) const REACH: f64 = 10.6;
