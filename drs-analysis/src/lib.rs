#![forbid(unsafe_code)]
//! What certification logs say.
//!
//! * [`Log`]: one run, ours or published, row by row.
//! * [`Curve`]: certified accuracy against radius, exactly.
//! * [`Decided`]: how far the draws of a run were taken, and so what its radii leave open.
//! * [`Share`]: a proportion with its confidence interval.
//! * [`Joint`]: several logs of the same inputs: envelope, oracle, paired tests.
//! * [`Pool`]: whether routing among some of them would pay.
//! * [`Verdict`]: the same in a word, with how well it is known.
//! * [`Routed`]: what routing did in a run, and what it cost.
//! * [`Entry`]: one line of certificates, read strictly and verified; [`Run`]: what all lines of
//!   one run have in common.
//! * [`Header`]: what a run is, as the file beside its results describes it.
//! * [`Watch`]: whether answers look like those of a model that is run as it was trained.

mod audit;
mod curve;
mod decided;
mod header;
mod joint;
mod log;
mod plan;
mod routed;
mod run;
mod share;
mod suspicion;
mod verdict;

pub use audit::{Answer, Entry};
pub use curve::Curve;
pub use decided::{Decided, Stopped};
pub use header::{DataRecord, Header};
pub use joint::{Best, Joint, MixedInputs, Paired, common};
pub use log::{
    Draws, Log, LogError, Record, Routing, Row, SameName, beside, check_steady, marked, names, open,
};
pub use plan::Pool;
pub use routed::{Routed, StageDraws};
pub use run::Run;
pub use share::Share;
pub use suspicion::{Suspicion, Watch, answer};
pub use verdict::{Gain, Pays, Verdict};
