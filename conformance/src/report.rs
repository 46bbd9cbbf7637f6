//! What was found, for people and as JSON.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What the suite found, rule by rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One for each rule, in the order in which they were tried.
    pub findings: Vec<Finding>,
}

/// What came of one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the rule.
    pub name: Cow<'static, str>,
    /// What it demands, in a sentence.
    pub demand: Cow<'static, str>,
    /// Whether the expert keeps it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Figures that were measured on the way.
    pub measured: Vec<Measure>,
}

/// A measured figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured.
    pub name: Cow<'static, str>,
    /// The figure.
    pub value: f64,
}

/// Whether an expert keeps a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It does, as far as was tried.
    Pass,
    /// It does not.
    Fail {
        /// What was seen.
        seen: String,
        /// What was expected in its place.
        expected: String,
        /// What to do about it.
        remedy: Cow<'static, str>,
    },
    /// It was not tried.
    Skipped {
        /// Why not.
        why: String,
    },
}

impl Report {
    /// Whether the expert keeps all rules that were tried, and any was.
    #[must_use]
    pub fn passed(&self) -> bool {
        let failed = |finding: &Finding| matches!(finding.outcome, Outcome::Fail { .. });
        !self.findings.is_empty() && !self.findings.iter().any(failed)
    }

    fn count(&self, wanted: fn(&Outcome) -> bool) -> usize {
        self.findings.iter().filter(|finding| wanted(&finding.outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
        for Finding { name, demand, outcome, measured } in &self.findings {
            let (word, note) = match outcome {
                Outcome::Pass => ("pass", &**demand),
                Outcome::Fail { .. } => ("FAIL", &**demand),
                Outcome::Skipped { why } => ("skip", why.as_str()),
            };
            writeln!(f, "{word}  {name:width$}  {note}")?;
            // Under the notes, whatever the width of the names.
            let indent = " ".repeat(width + 8);
            if let Outcome::Fail { seen, expected, remedy } = outcome {
                writeln!(f, "{indent}seen:     {seen}")?;
                writeln!(f, "{indent}expected: {expected}")?;
                writeln!(f, "{indent}remedy:   {remedy}")?;
            }
            for Measure { name, value } in measured {
                writeln!(f, "{indent}measured: {name} {value}")?;
            }
        }
        let passed = self.count(|outcome| matches!(outcome, Outcome::Pass));
        let failed = self.count(|outcome| matches!(outcome, Outcome::Fail { .. }));
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skipped { .. }));
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
