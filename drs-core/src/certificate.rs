//! The certificate: one record for every method, enough to recompute it.

use serde::{Deserialize, Serialize};

use crate::lattice::{Digest, Given, LatticeInput, Quantum, Shape};
use crate::noise::Seed;
use crate::pool::Phase;
use crate::protocol::Protocol;
use crate::rule::Term;
pub use crate::units::counts_at;
use crate::units::{Alpha, Radius, Sigma};
use crate::votes::VoteCounts;

/// Version of the record's layout.
pub const RECORD_VERSION: u32 = 6;

/// What was certified for one input, how, and from which votes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`RECORD_VERSION`] at the time of writing.
    pub version: u32,
    /// `one:NAME`, `multiscale`, `dual`, `set`, `maxmin` or `blend`.
    pub method: String,
    /// Number of classes that each expert chooses from; `None` in records before version 4.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub classes: Option<usize>,
    /// Draws, α and its split.
    pub protocol: Protocol,
    /// Total-variation distance of all draws that the method may take from
    /// exact ones; charged to α before it was split.
    pub distance: f64,
    /// The terms of `blend`, experts by index.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blend: Vec<Term>,
    /// Where input, noise and models came from; absent for analytic problems.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provenance: Option<Provenance>,
    /// The votes, in the order drawn.
    pub stages: Vec<StageRecord>,
    /// The bounds that the radius rests on.
    pub bounds: Vec<BoundRecord>,
    /// Whether the time was up before the question was answered. The radius holds all the same, with
    /// the same probability; more draws might have given a larger one.
    #[serde(skip_serializing_if = "is_not", default)]
    pub cut: bool,
    /// The answer.
    pub verdict: Verdict,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's way")]
fn is_not(cut: &bool) -> bool {
    !cut
}

impl Certificate {
    /// Number of noisy copies classified, all stages together.
    #[must_use]
    pub fn draws(&self) -> u64 {
        self.stages.iter().map(StageRecord::draws).fold(0, u64::saturating_add)
    }
}

/// Where input, noise and models came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The seed of all noise.
    pub seed: Seed,
    /// The input.
    pub input: InputRecord,
    /// Router (if any) and experts, with the files that they are made of.
    pub models: Vec<ModelRecord>,
}

/// The identity of an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRecord {
    /// SHA-256 of shape, quantum and values.
    pub sha256: Digest,
    /// Channels, height, width.
    pub shape: Shape,
    /// The lattice's step.
    pub quantum: Quantum,
    /// Whether the values were lattice points, were taken for such, or lie between them.
    pub given: Given,
}

impl From<&LatticeInput> for InputRecord {
    fn from(input: &LatticeInput) -> Self {
        Self {
            sha256: input.digest(),
            shape: input.shape(),
            quantum: input.quantum(),
            given: input.given(),
        }
    }
}

/// The identity of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// `router` or the expert's name.
    pub name: String,
    /// Noise level.
    pub sigma: Sigma,
    /// The plugin's own name and version.
    pub plugin: String,
    /// SHA-256 of the plugin's library file.
    pub plugin_sha256: Digest,
    /// Files the plugin says the model is made of, with their SHA-256.
    pub files: Vec<FileRecord>,
    /// SHA-256 of its configuration, in which files stand by what they hold: the same wherever
    /// they lie.
    pub config_sha256: Digest,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// File name without its folder.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// The votes of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRecord {
    /// `router` or the expert's name.
    pub model: String,
    /// What the draws were for.
    pub phase: Phase,
    /// At each look, the votes of all draws up to it, per class or, for the
    /// router, per expert.
    pub looks: Vec<VoteCounts>,
}

impl StageRecord {
    /// Number of noisy copies classified.
    #[must_use]
    pub fn draws(&self) -> u64 {
        self.looks.last().map_or(0, VoteCounts::total)
    }
}

/// A Clopper–Pearson bound that was used: the best over the looks taken, of which
/// each spent its share of the level given here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum BoundRecord {
    /// The router answers within `set` with probability at least `p`.
    Route {
        /// Experts by name.
        set: Vec<String>,
        /// Level of this bound.
        alpha: Alpha,
        /// The bound.
        p: f64,
    },
    /// The model answers with `class` with probability at least `lower`.
    Class {
        /// The voting model: `router` or the expert's name.
        model: String,
        /// Class by index (expert by index for the router).
        class: usize,
        /// Level of the lower bound.
        alpha: Alpha,
        /// Lower bound on the class's probability.
        lower: f64,
        /// Level of each other class's upper bound, where they were bounded.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        others_alpha: Option<Alpha>,
        /// Largest upper bound among the other classes.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        others_upper: Option<f64>,
    },
    /// A Multiscale stage that was passed: every class is bounded above.
    Passed {
        /// The expert's name.
        model: String,
        /// The class selected there.
        class: usize,
        /// Level of that class's upper bound.
        alpha: Alpha,
        /// Upper bound on that class's probability.
        upper: f64,
        /// Level of each other class's upper bound.
        others_alpha: Alpha,
        /// Largest upper bound among the other classes.
        others_upper: f64,
    },
}

/// Which half of a routed certificate is the weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binds {
    /// The route: a surer router would give a larger radius.
    Route,
    /// The class: a surer expert would.
    Class,
}

/// The answer for one input.
///
/// Under `maxmin` the radius may exceed both the route's and the class's: those
/// come from lower bounds on the claim alone, the radius also from upper bounds
/// on its rivals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The class; `None` abstains.
    pub class: Option<usize>,
    /// The class cannot change within this L2 distance; 0 when abstaining.
    pub radius: Radius,
    /// The expert the input is routed to, by index. `None` if the router abstains.
    pub expert: Option<usize>,
    /// The experts whose claims the radius rests on, by index.
    pub set: Vec<usize>,
    /// Within this distance the route holds; `None` if nothing depends on it.
    pub route_radius: Option<Radius>,
    /// Within this distance the set's experts hold the class.
    pub class_radius: Radius,
    /// Which of the two is smaller; `None` without a route.
    pub binds: Option<Binds>,
}

impl Verdict {
    /// Whether this class is certified at a distance ([`counts_at`]).
    #[must_use]
    pub fn certifies(&self, class: usize, distance: f64) -> bool {
        self.class == Some(class) && counts_at(self.radius.get(), distance)
    }

    /// A verdict from a rule's numbers; a radius that is not above zero abstains.
    ///
    /// `route` is `None` or +∞ where nothing depends on the route.
    pub(crate) fn new(
        class: usize,
        radius: f64,
        expert: Option<usize>,
        set: Vec<usize>,
        route: Option<f64>,
        class_radius: f64,
    ) -> Self {
        let certified = Radius::new(radius).ok().filter(|radius| radius.get() > 0.0);
        Self {
            class: certified.map(|_| class),
            radius: certified.unwrap_or(Radius::ZERO),
            expert,
            set,
            route_radius: route
                .filter(|route| *route < f64::INFINITY)
                .map(|route| Radius::new(route).unwrap_or(Radius::ZERO)),
            class_radius: Radius::new(class_radius).unwrap_or(Radius::ZERO),
            binds: route
                .map(|route| if route < class_radius { Binds::Route } else { Binds::Class }),
        }
    }
}
