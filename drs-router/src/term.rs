//! Terms of the blended rule as they are written in files.

use std::collections::BTreeMap;

use drs_core::rule::Term;
use serde::{Deserialize, Serialize};

/// A term of the blended rule with experts by name: a `[[blend]]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedTerm {
    /// Weights of the experts' signed radii.
    pub weights: BTreeMap<String, u32>,
    /// Taken off the support, in units of radius.
    #[serde(default)]
    pub offset: f64,
    /// What may be claimed without the router, in units of radius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
    /// Beyond that the router must answer with one of these experts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Vec<String>>,
}

impl NamedTerm {
    /// The term for a pool of these experts, in this order.
    ///
    /// # Errors
    /// If it names another expert or does not make sense; the message says how.
    pub fn term(&self, experts: &[&str]) -> Result<Term, String> {
        let place = |name: &String| {
            let found = experts.iter().position(|expert| expert == name);
            found.ok_or_else(|| format!("\"{name}\" found, expected one of {}", experts.join(", ")))
        };
        let mut weights = vec![0; experts.len()];
        for (name, weight) in &self.weights {
            weights[place(name)?] = *weight;
        }
        let route = self.route.as_ref().map(|names| names.iter().map(place).collect());
        let term = Term { weights, offset: self.offset, cap: self.cap, route: route.transpose()? };
        term.validate(experts.len())?;
        Ok(term)
    }
}
