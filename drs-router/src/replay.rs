//! A question: does this certificate hold for the pool that is said to have made it?

use drs_core::certificate::{Certificate, InputRecord, ModelRecord, Verdict};
use drs_core::certify;
use drs_core::noise::Seed;
use drs_core::protocol::Method;
use drs_core::source::VoteSource;
use drs_core::verify::{Agreement, Rejection, ReplayError, Statement, difference, replay};
use serde::Serialize;

use crate::engine::EngineError;
use crate::question::{PoolView, Question, RouteError};

/// Is a certificate one of this pool about this input, and do its votes come out again?
///
/// Input, plugins and files are compared by their digests, the terms of `blend` and the split of
/// α with those of experts.toml, the counts as [`replay`] has it. Where some votes differ,
/// what this pool certifies here must not be another class. The certificate is to be
/// [verified](drs_core::verify()) first.
#[derive(Debug)]
pub struct Replay<'a> {
    certificate: &'a Certificate,
    stated: Statement,
    models: &'a [ModelRecord],
    input: &'a InputRecord,
    seed: Seed,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// How the votes compare.
    pub agreement: Agreement,
    /// What these models certify here, where their votes are not all the same.
    pub here: Option<Verdict>,
    /// The first model that is configured otherwise here. Its votes agree all the same, as those
    /// of another device do, which may be part of a configuration.
    pub configuration: Option<Rejection>,
}

impl<'a> Replay<'a> {
    /// Of a certificate.
    ///
    /// # Errors
    /// If it does not tell how its votes were drawn.
    pub fn of(certificate: &'a Certificate) -> Result<Self, Rejection> {
        let stated = Statement::of(certificate)?;
        let Some(provenance) = &certificate.provenance else {
            return Err(Rejection::new("provenance", "nothing", "input, seed and models"));
        };
        let (models, input) = (provenance.models.as_slice(), &provenance.input);
        Ok(Self { certificate, stated, models, input, seed: provenance.seed })
    }

    /// What contradicts the pool and the input at hand.
    fn check(&self, here: PoolView<'_>, input: &InputRecord) -> Result<(), Rejection> {
        let Self { certificate, stated, models: recorded, .. } = self;
        let unlike =
            difference(self.input, input).map(|rejection| rejection.within("provenance.input"));
        let unlike = unlike.or_else(|| models(&reconfigured(recorded, here.models), here.models));
        let unlike = unlike.or_else(|| {
            let (found, expected) = (stated.pool.classes, here.pool.classes);
            let told = || Rejection::new("classes", found.to_string(), expected.to_string());
            (found != expected).then(told)
        });
        let unlike = unlike.or_else(|| {
            // Records of other methods have no terms.
            (stated.method == Method::Blend).then_some(())?;
            configured("blend", certificate.blend.as_slice(), here.pool.blend.as_slice())
        });
        let split = &certificate.protocol.split;
        let unlike = unlike.or_else(|| configured("protocol.split", split, here.split));
        unlike.map_or(Ok(()), Err)
    }
}

impl Question for Replay<'_> {
    type Answer = Result<Replayed, Rejection>;

    fn seed(&self) -> Seed {
        self.seed
    }

    fn answer(
        &self,
        pool: PoolView<'_>,
        input: InputRecord,
        votes: &mut impl VoteSource<Error = EngineError>,
    ) -> Result<Self::Answer, RouteError> {
        if let Err(rejection) = self.check(pool, &input) {
            return Ok(Err(rejection));
        }
        let configuration = models(self.models, pool.models);
        let agreement = match replay(self.certificate, pool.pool, votes) {
            Ok(agreement) => agreement,
            Err(ReplayError::Rejected(rejection)) => return Ok(Err(rejection)),
            Err(ReplayError::Votes(error)) => return Err(RouteError::Votes(error)),
        };
        if agreement == Agreement::Equal {
            return Ok(Ok(Replayed { agreement, here: None, configuration }));
        }
        let (method, protocol) = (self.stated.method, &self.certificate.protocol);
        let here = certify(pool.pool, method, protocol, None, votes)?.verdict;
        let (claimed, found) = (self.certificate.verdict.class, here.class);
        if claimed.is_some() && found.is_some() && claimed != found {
            let show = |class: Option<usize>| class.map_or_else(String::new, |c| c.to_string());
            return Ok(Err(Rejection::new("verdict.class", show(claimed), show(found))));
        }
        Ok(Ok(Replayed { agreement, here: Some(here), configuration }))
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
