#![forbid(unsafe_code)]
//! The rules that every expert must keep, as one suite.
//!
//! Certificates rest on what a plugin does: a vote depends on its input alone,
//! ties go to the lowest index, values that are not finite are errors, and so
//! on. [`run`] tries them on one expert through the ABI, so that it serves a
//! plugin's own unit tests ([`drs_plugins_api::in_process`]) and a loaded
//! library alike. Passing is evidence and no proof: the suite tries some inputs.
//!
//! * `cases/`: the rules, one function each, in modules by theme.
//! * `lab.rs`: what they share: inputs and the votes to compare with.
//! * `edge.rs`: inputs at the edge between two classes, the most telling ones.
//! * `expert.rs`: an opened expert, as the host would call it.

mod cases;
mod edge;
mod expert;
mod inputs;
mod lab;
mod noise;
mod report;

use std::path::Path;

use drs_plugins_api::abi::PluginModuleRef;
use serde_json::Value;

use cases::{CASES, OPENS};
use lab::Lab;
pub use report::{Finding, Measure, Outcome, Report};

/// An expert under test.
#[derive(Clone)]
pub struct Subject<'a> {
    /// The plugin.
    pub module: PluginModuleRef,
    /// Shape of its inputs: channels, height, width.
    pub shape: [usize; 3],
    /// Inputs are integers in units of 1/`levels`.
    pub levels: u16,
    /// Folder that relative paths in the configurations start from.
    pub base_dir: &'a Path,
    /// `config` table of a good model.
    pub config: Value,
    /// That of a model whose largest outputs are equal for every input, and the
    /// lowest of the classes that tie.
    pub ties: Option<(Value, u32)>,
    /// That of a model that answers every input with NaN or infinity.
    pub non_finite: Option<Value>,
    /// Noisy inputs to try, a few hundred; rounded up to whole batches, at least two.
    pub rows: usize,
    /// Largest share of votes that may differ between batch sizes, where floats
    /// are summed in another order; 0 for none, not even at the edge between two
    /// classes. Everything else has no tolerance.
    pub tolerance: f64,
}

impl<'a> Subject<'a> {
    /// An expert for 8-bit images, 256 noisy inputs, no tolerance and no models
    /// that tie or are not finite.
    #[must_use]
    pub fn new(
        module: PluginModuleRef,
        shape: [usize; 3],
        base_dir: &'a Path,
        config: Value,
    ) -> Self {
        let (ties, non_finite) = (None, None);
        Self {
            module,
            shape,
            levels: 255,
            base_dir,
            config,
            ties,
            non_finite,
            rows: 256,
            tolerance: 0.0,
        }
    }
}

/// Tries all rules on an expert.
///
/// Each rule meets an expert that was opened for it, so one breach does not show
/// as many.
#[must_use]
pub fn run(subject: &Subject<'_>) -> Report {
    let (lab, mut findings) = match Lab::new(subject) {
        Ok(lab) => (Some(lab), vec![OPENS.finding(Ok(()), Vec::new())]),
        Err(shortfall) => (None, vec![OPENS.finding(Err(shortfall), Vec::new())]),
    };
    findings.extend(CASES.iter().map(|case| match &lab {
        Some(lab) => case.try_on(lab),
        None => case.skipped("the expert did not open and vote"),
    }));
    Report { findings }
}

#[cfg(test)]
mod tests;
