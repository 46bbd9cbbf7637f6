//! The models of a pool, and the stages in which they vote.

use serde::{Deserialize, Serialize};

use crate::lattice::{Quantum, Shape};
use crate::noise::{NoiseError, NoiseTable};
use crate::rule::Term;
use crate::units::Sigma;

/// What the statistics need to know of one smoothed model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Name, unique within a pool.
    pub name: String,
    /// Noise level it is smoothed with.
    pub sigma: Sigma,
    /// Upper bound on the total-variation distance between one noisy input as
    /// drawn and as the theory has it (dimensions times that of one value).
    pub distance_per_draw: f64,
}

impl Model {
    /// A model smoothed with the noise of [`crate::noise`] on inputs of this shape and lattice.
    ///
    /// # Errors
    /// If noise of this sigma does not fit the lattice.
    pub fn on_lattice(
        name: String,
        sigma: Sigma,
        shape: Shape,
        quantum: Quantum,
    ) -> Result<Self, NoiseError> {
        let value = NoiseTable::total_variation_of(sigma, quantum)?;
        Ok(Self { name, sigma, distance_per_draw: value * shape.values() as f64 })
    }
}

/// Experts that answer with a class, and a router that answers with an expert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// The variance estimator; its classes are the experts, in order.
    pub router: Option<Model>,
    /// At least one.
    pub experts: Vec<Model>,
    /// Number of classes each expert chooses from.
    pub classes: usize,
    /// The terms of the blended rule; may be none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blend: Vec<Term>,
}

/// Who is asked for votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The router votes for experts.
    Router,
    /// The expert with this index votes for classes.
    Expert(usize),
}

/// What the votes are for; each phase has noise of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// N0 draws that choose what to estimate.
    Selection,
    /// N fresh draws that the bounds rest on.
    Estimation,
    /// The draws of PREDICT.
    Prediction,
    /// The draws that training labels are made from: no certificate rests on them, whatever
    /// its seed, so no model is judged by the very noise that it learned from.
    Labelling,
}

/// One stage of one input's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stage {
    /// Who votes.
    pub role: Role,
    /// What for.
    pub phase: Phase,
}

impl Pool {
    /// The model in a role. `None` for a router that is not there or an
    /// expert out of range.
    #[must_use]
    pub fn model(&self, role: Role) -> Option<&Model> {
        match role {
            Role::Router => self.router.as_ref(),
            Role::Expert(index) => self.experts.get(index),
        }
    }

    /// The number of classes that a role votes on.
    #[must_use]
    pub fn options(&self, role: Role) -> usize {
        match role {
            Role::Router => self.experts.len(),
            Role::Expert(_) => self.classes,
        }
    }

    /// The text that stands for a stage in noise addresses and records.
    ///
    /// It names the model, not the method, so methods compared under one seed
    /// judge the same votes. It begins with the role and ends with the phase, so no two
    /// stages share one; noise for other purposes has addresses without a `/`.
    #[must_use]
    pub fn address(&self, stage: Stage) -> String {
        let phase = match stage.phase {
            Phase::Selection => "selection",
            Phase::Estimation => "estimation",
            Phase::Prediction => "prediction",
            Phase::Labelling => "label",
        };
        match stage.role {
            Role::Router => format!("router/{phase}"),
            Role::Expert(index) => {
                let name = self.experts.get(index).map_or("?", |expert| expert.name.as_str());
                format!("expert/{name}/{phase}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_stages_share_their_noise() {
        // Names that look like phases and roles.
        let names = ["a", "label", "a/label", "a/estimation", "router", "expert/a"];
        let sigma = Sigma::new(0.5).unwrap();
        let shape = Shape::new([1, 1, 1]).unwrap();
        let model = |name: &str| {
            Model::on_lattice(name.to_owned(), sigma, shape, Quantum::EIGHT_BIT).unwrap()
        };
        let pool = Pool {
            router: Some(model("router")),
            experts: names.map(model).to_vec(),
            classes: 2,
            blend: Vec::new(),
        };
        let roles = std::iter::once(Role::Router).chain((0..names.len()).map(Role::Expert));
        let phases = [Phase::Selection, Phase::Estimation, Phase::Prediction, Phase::Labelling];
        let stages: Vec<Stage> =
            roles.flat_map(|role| phases.map(|phase| Stage { role, phase })).collect();
        let addresses: HashSet<String> = stages.iter().map(|&stage| pool.address(stage)).collect();
        assert_eq!(addresses.len(), stages.len());
        assert!(addresses.iter().all(|address| address.contains('/')));
    }
}
