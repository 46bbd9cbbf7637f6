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
mod lab;
mod noise;
mod report;
mod shortfall;

use std::path::Path;

use drs_plugins_api::abi::PluginModuleRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use cases::{CASES, FILES, OPENS};
use lab::Lab;
pub use report::{Finding, Measure, Outcome, Report};
use shortfall::{fail, skip};

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
    /// classes. What the manifest declares is allowed here too, and for an input's
    /// place and company. Everything else has no tolerance.
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
    let mut findings = Vec::new();
    run_but(subject, &[], |step| {
        if let Step::Found(finding) = step {
            findings.push(finding);
        }
    });
    Report { findings }
}

/// What a run of the suite tells while it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// This rule is tried now.
    Trying(String),
    /// This came of one.
    Found(Finding),
}

/// Tries all rules but some, and tells each before and after: so that whoever runs the suite
/// in another process learns which rule ended it, and goes on without that.
pub fn run_but(subject: &Subject<'_>, left_out: &[String], mut tell: impl FnMut(Step)) {
    tell(Step::Trying(OPENS.name().to_owned()));
    let (lab, opened) = match Lab::new(subject) {
        Ok(lab) => (Some(lab), Ok(())),
        Err(shortfall) => (None, Err(shortfall)),
    };
    tell(Step::Found(OPENS.finding(opened, Vec::new())));
    let wanted = |case: &&cases::Case| !left_out.iter().any(|name| name == case.name());
    for case in CASES.iter().filter(wanted) {
        tell(Step::Trying(case.name().to_owned()));
        tell(Step::Found(match &lab {
            Some(lab) => case.try_on(lab),
            None => case.skipped("the expert did not open and vote"),
        }));
    }
}

/// What is found by whoever watched the expert while the rules were tried: files that it opened
/// without having declared them, or why it could not be watched.
#[must_use]
pub fn undeclared(opened: Result<&[String], &str>) -> Finding {
    let result = match opened {
        Ok([]) => Ok(()),
        Ok(files) => Err(fail(format!("it opened {}", files.join(", ")), "declared files only")),
        Err(why) => Err(skip(why)),
    };
    FILES.finding(result, Vec::new())
}

/// What is found where the plugin ended the process, or was ended, while a rule was tried.
#[must_use]
pub fn lost(rule: &str, seen: String) -> Finding {
    let case = std::iter::once(&OPENS).chain(CASES).find(|case| case.name() == rule);
    let (name, demand) = case.map_or_else(
        || (rule.to_owned().into(), "".into()),
        |case| (case.name().into(), case.demand().into()),
    );
    let outcome = Outcome::Fail {
        seen,
        expected: "an answer or an error".to_owned(),
        remedy: "return errors: no abort, no exit, no endless wait, and no write outside the buffers given".into(),
    };
    Finding { name, demand, outcome, measured: Vec::new() }
}

#[cfg(test)]
mod tests;
