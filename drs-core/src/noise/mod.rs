//! Lattice noise: the input plus Gaussian noise, rounded to the lattice. Exact, in integers, addressed.
//!
//! # What a radius is about
//! Let f be the base classifier, a function on lattice points, and `round` the rounding of
//! every value to the nearest one. `drs` evaluates
//!
//!   g(x) = argmax_c P(f(round(x + ε)) = c), ε ~ N(0, σ²I),
//!
//! at the real point x that was given. This is Gaussian smoothing of the base classifier
//! f ∘ round, a function on all of ℝᵈ. Cohen's theorem asks nothing of a base classifier but
//! that it be a (measurable) function, so it holds for g as it stands: at every real x, for
//! every real perturbation, with nothing deducted. So does every rule that rests on
//! p_c(x') = P(f(round(x' + ε)) = c) being such that σ·Φ⁻¹(p_c) is 1-Lipschitz.
//!
//! What is drawn must then be round(x + ε), the rounding *after* the noise. With x = q·(k + φ),
//! q the step, k whole and 0 ≤ φ < 1, it is q·(k + round(φ + ε/q)), value by value:
//!
//! * on the lattice (φ = 0) the input's integers plus integer noise round(ε/q);
//! * off it the thresholds of the noise depend on φ. Rounding x first would answer for
//!   another point instead, up to ½·q·√d away, and two inputs that lie close together may be
//!   rounded apart: then the radius does not hold.
//!
//! No float is rounded between the noise and the model, so floating point cannot break the
//! theorem either (Voráček & Hein, ICLR 2023).
//!
//! # How it is drawn
//! * [`NoiseTable`] turns uniform bits into noise of one σ on one lattice.
//! * [`NoiseStream`] addresses those bits by (seed, input, stage, draw), so that
//!   any draw can be made again anywhere: other batch, other thread, other day.

mod address;
mod between;
mod scale;
mod table;

pub use address::{NoiseStream, Seed, SeedError};
pub use table::{NoiseError, NoiseTable};
