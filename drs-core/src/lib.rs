#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! The statistics of randomized smoothing with a fleet of experts.
//!
//! The way of one input through this crate:
//!
//! 1. [`lattice`]: the input is a real point; models see only points of an integer lattice.
//! 2. [`noise`]: the input plus Gaussian noise, rounded to the lattice; addressed by
//!    (seed, input, stage, draw).
//! 3. [`source`]: a [`VoteSource`](source::VoteSource), of the models of a [`pool`], turns noisy copies into [`votes`].
//! 4. [`selection`], [`sampling`] and [`design`]: how many draws, and how much of α each look at them may spend.
//! 5. [`bounds`]: counts become Clopper–Pearson bounds, always on the sound side.
//! 6. [`rule`]: bounds become a radius.
//! 7. [`certify()`]: the procedure of each method, and its [`certificate`].
//! 8. [`verify()`]: whether a certificate follows from its own votes.
//!
//! What a radius is about: g(x) = argmax_c P(f(round(x + ε)) = c), defined at every real x. No
//! real-valued perturbation shorter than the radius changes that answer ([`noise`] has the proof).
//!
//! Nothing here reads a file, loads a plugin or starts a thread.

mod double_double;
mod error;

pub mod bounds;
pub mod certificate;
pub mod certify;
pub mod design;
pub mod lattice;
pub mod noise;
mod pattern;
pub mod pool;
pub mod protocol;
pub mod rule;
pub mod sampling;
pub mod selection;
pub mod source;
pub mod text;
pub mod units;
pub mod verify;
pub mod votes;

pub use certify::{certify, predict};
pub use pattern::pattern;
pub use verify::verify;
