//! A certificate, checked against the pool that is said to have made it.

use std::sync::Arc;

use drs_core::certificate::{Certificate, InputRecord, ModelRecord, Verdict};
use drs_core::certify;
use drs_core::lattice::LatticeInput;
use drs_core::protocol::Method;
use drs_core::verify::{self, Agreement, Rejection, Statement, difference, replay};
use serde::Serialize;

use crate::engine::EngineError;
use crate::router::{RouteError, Router};

/// What a replay found.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// How the votes compare.
    pub agreement: Agreement,
    /// What these models certify here, where their votes are not all the same.
    pub here: Option<Verdict>,
    /// The first model that is configured otherwise here. Its votes agree all the same, as those
    /// of another device do, which may be part of a configuration.
    pub configuration: Option<Rejection>,
}

/// Why a certificate could not be replayed, or is rejected.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The models failed.
    #[error(transparent)]
    Models(#[from] RouteError),
    /// The record does not hold for this pool and input.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

impl From<verify::ReplayError<EngineError>> for ReplayError {
    fn from(error: verify::ReplayError<EngineError>) -> Self {
        match error {
            verify::ReplayError::Votes(error) => Self::Models(RouteError::Votes(error)),
            verify::ReplayError::Rejected(rejection) => Self::Rejected(rejection),
        }
    }
}

impl Router {
    /// Checks that a certificate is one of this pool about this input, and draws its votes again.
    ///
    /// Input, plugins and files are compared by their digests, the terms of `blend` and the split of
    /// α with those of experts.toml, the counts as [`replay`] has it. Where some votes differ,
    /// what this pool certifies here must not be another class. The certificate is to be
    /// [verified](drs_core::verify()) first.
    ///
    /// # Errors
    /// If the record does not hold for this pool and input, or a model fails.
    pub fn replay(
        &self,
        certificate: &Certificate,
        input: Arc<LatticeInput>,
    ) -> Result<Replay, ReplayError> {
        let Statement { pool: stated, method } = Statement::of(certificate)?;
        let Some(provenance) = &certificate.provenance else {
            return Err(Rejection::new("provenance", "nothing", "input, seed and models").into());
        };
        let unlike = difference(&provenance.input, &InputRecord::from(&*input))
            .map(|rejection| rejection.within("provenance.input"));
        let unlike = unlike
            .or_else(|| models(&reconfigured(&provenance.models, self.models()), self.models()));
        let unlike = unlike.or_else(|| {
            let (found, expected) = (stated.classes, self.pool().classes);
            let told = || Rejection::new("classes", found.to_string(), expected.to_string());
            (found != expected).then(told)
        });
        let unlike = unlike.or_else(|| {
            // Records of other methods have no terms.
            (method == Method::Blend).then_some(())?;
            configured("blend", certificate.blend.as_slice(), self.pool().blend.as_slice())
        });
        let split = &certificate.protocol.split;
        let unlike = unlike.or_else(|| configured("protocol.split", split, self.split()));
        if let Some(rejection) = unlike {
            return Err(rejection.into());
        }
        let configuration = models(&provenance.models, self.models());
        let mut source = self.votes(Arc::clone(&input), provenance.seed);
        let agreement = replay(certificate, self.pool(), &mut source)?;
        if agreement == Agreement::Equal {
            return Ok(Replay { agreement, here: None, configuration });
        }
        let here = certify(self.pool(), method, &certificate.protocol, None, &mut source)?.verdict;
        let (claimed, found) = (certificate.verdict.class, here.class);
        if claimed.is_some() && found.is_some() && claimed != found {
            let show = |class: Option<usize>| class.map_or_else(String::new, |c| c.to_string());
            return Err(Rejection::new("verdict.class", show(claimed), show(found)).into());
        }
        Ok(Replay { agreement, here: Some(here), configuration })
    }
}

/// The first field of a model that is not as it is here.
fn models(found: &[ModelRecord], here: &[ModelRecord]) -> Option<Rejection> {
    difference(found, here).map(|told| told.within("provenance.models"))
}

/// The models of a record, configured as they are here.
fn reconfigured(found: &[ModelRecord], here: &[ModelRecord]) -> Vec<ModelRecord> {
    let mut found = found.to_vec();
    for (model, here) in found.iter_mut().zip(here) {
        model.config_sha256 = here.config_sha256;
    }
    found
}

/// The first field that is not as experts.toml has it.
fn configured<T: Serialize + ?Sized>(field: &str, found: &T, expected: &T) -> Option<Rejection> {
    let told = difference(found, expected)?.within(field);
    Some(Rejection { expected: format!("{} as in experts.toml", told.expected), ..told })
}
