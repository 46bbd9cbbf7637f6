//! What all certificates of one run have in common.

use drs_core::certificate::{Certificate, ModelRecord};
use drs_core::lattice::{Quantum, Shape};
use drs_core::noise::Seed;
use drs_core::protocol::Protocol;
use drs_core::rule::Term;
use drs_core::sampling::Sampling;
use drs_core::verify::{Rejection, difference};
use serde::Serialize;

/// The classifier that a certificate speaks of, and all that its levels rest on: the same in all
/// certificates of one run.
///
/// α bounds how often certificates are wrong if all this is fixed before the draws. Whoever
/// picks among several runs the best record for each input picks the errors too.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    method: String,
    classes: Option<usize>,
    shape: Option<Shape>,
    quantum: Option<Quantum>,
    models: Vec<ModelRecord>,
    blend: Vec<Term>,
    protocol: Protocol,
    seed: Option<Seed>,
}

impl Run {
    /// The run that a certificate is of.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        let provenance = certificate.provenance.as_ref();
        let input = provenance.map(|provenance| &provenance.input);
        Self {
            method: certificate.method.clone(),
            classes: certificate.classes,
            shape: input.map(|input| input.shape),
            quantum: input.map(|input| input.quantum),
            models: provenance.map_or_else(Vec::new, |provenance| provenance.models.clone()),
            blend: certificate.blend.clone(),
            protocol: certificate.protocol.clone(),
            seed: provenance.map(|provenance| provenance.seed),
        }
    }

    /// The first field in which this run is not as `other`, by its path in a record; `None` if
    /// they are one.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<Rejection> {
        fn at<T: Serialize>(field: &str, found: &T, expected: &T) -> Option<Rejection> {
            difference(found, expected).map(|told| told.within(&format!("certificate.{field}")))
        }
        at("method", &self.method, &other.method)
            .or_else(|| at("classes", &self.classes, &other.classes))
            .or_else(|| at("provenance.input.shape", &self.shape, &other.shape))
            .or_else(|| at("provenance.input.quantum", &self.quantum, &other.quantum))
            .or_else(|| at("provenance.models", &self.models, &other.models))
            .or_else(|| at("blend", &self.blend, &other.blend))
            .or_else(|| at("protocol", &self.protocol, &other.protocol))
            .or_else(|| at("provenance.seed", &self.seed, &other.seed))
    }

    /// Equal for equal runs, and for no others.
    #[must_use]
    pub fn key(&self) -> String {
        // What came from JSON can be written as JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What was asked for, as far as readers should know: α above all.
impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Protocol { n0, n, alpha, .. } = &self.protocol;
        let sampling = match self.protocol.sampling {
            Sampling::Fixed => "fixed",
            Sampling::Sequential(_) => "sequential",
        };
        let alpha = alpha.get();
        write!(f, "{}, n0 = {n0}, n = {n}, {sampling}, alpha = {alpha}", self.method)?;
        match &self.seed {
            Some(seed) => write!(f, ", seed {}…", &seed.to_string()[..8]),
            None => Ok(()),
        }
    }
}
