//! Lattice noise: the Gaussian rounded to a step, exact, integer and addressed.
//!
//! A base classifier f is seen through `x ↦ f(round(x))`, so adding rounded
//! noise to a lattice point in integers gives the very classifier that Cohen's
//! theorem speaks of: with ε ~ N(0, σ²I), `x + q·round(ε/q)` is `x + ε` moved to
//! the lattice. No float is rounded between the noise and the model.
//!
//! * [`NoiseTable`] turns uniform bits into noise of one σ on one lattice.
//! * [`NoiseStream`] addresses those bits by (seed, input, stage, draw), so that
//!   any draw can be made again anywhere: other batch, other thread, other day.

mod address;
mod double_double;
mod table;

pub use address::{NoiseStream, Seed, SeedError};
pub use table::{NoiseError, NoiseTable};
