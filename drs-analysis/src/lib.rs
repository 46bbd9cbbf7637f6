#![forbid(unsafe_code)]
//! What certification logs say.
//!
//! * [`Log`]: one run, ours or published, row by row.
//! * [`Curve`]: certified accuracy against radius, exactly.
//! * [`Share`]: a proportion with its confidence interval.
//! * [`Joint`]: several logs of the same inputs: envelope, oracle, paired tests.
//! * [`Pool`]: whether routing among some of them would pay.
//! * [`Routed`]: what routing did in a run, and what it cost.
//! * [`Watch`]: whether answers look like those of a model that is run as it was trained.
//! * [`Entry`]: one line of certificates, read strictly and verified.

mod audit;
mod curve;
mod joint;
mod log;
mod plan;
mod routed;
mod share;
mod suspicion;

pub use audit::{Answer, Entry};
pub use curve::Curve;
pub use joint::{Joint, MixedInputs, Paired, common};
pub use log::{Draws, Log, LogError, Record, Routing, Row, open};
pub use plan::Pool;
pub use routed::{Routed, StageDraws};
pub use share::Share;
pub use suspicion::{Suspicion, Watch, answer};
