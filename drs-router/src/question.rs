//! What may be asked about one input, and how an answer is made of its votes.

use drs_core::certificate::{Certificate, InputRecord, ModelRecord, Provenance};
use drs_core::certify::{CertifyError, Prediction};
use drs_core::noise::Seed;
use drs_core::pool::{Pool, Stage};
use drs_core::protocol::{AlphaSplit, Method, Protocol};
use drs_core::source::VoteSource;
use drs_core::votes::VoteCounts;

use crate::engine::EngineError;

/// Why an input has no answer.
pub type RouteError = CertifyError<EngineError>;

/// A pool, as far as answers depend on it.
#[derive(Debug, Clone, Copy)]
pub struct PoolView<'a> {
    /// The models as the statistics see them.
    pub pool: &'a Pool,
    /// Their identities, the router first.
    pub models: &'a [ModelRecord],
    /// How experts.toml shares α.
    pub split: &'a AlphaSplit,
}

/// A question about one input, which [`Router::ask`](crate::Router::ask) answers.
///
/// Whoever wants something of a pool asks this way: there is one path from an input to its votes.
pub trait Question {
    /// What comes of it.
    type Answer;

    /// What the noise is addressed by.
    fn seed(&self) -> Seed;

    /// Makes the answer of the input's votes.
    ///
    /// # Errors
    /// If the question does not fit the pool, a model fails, or a bound does not converge.
    fn answer(
        &self,
        pool: PoolView<'_>,
        input: InputRecord,
        votes: &mut impl VoteSource<Error = EngineError>,
    ) -> Result<Self::Answer, RouteError>;
}

/// Which class holds, and how far?
#[derive(Debug, Clone, Copy)]
pub struct Certify<'a> {
    /// Of which classifier.
    pub method: Method,
    /// How many draws, at which level.
    pub protocol: &'a Protocol,
    /// What the noise is addressed by.
    pub seed: Seed,
}

impl Question for Certify<'_> {
    type Answer = Certificate;

    fn seed(&self) -> Seed {
        self.seed
    }

    fn answer(
        &self,
        pool: PoolView<'_>,
        input: InputRecord,
        votes: &mut impl VoteSource<Error = EngineError>,
    ) -> Result<Certificate, RouteError> {
        let provenance = Provenance { seed: self.seed, input, models: pool.models.to_vec() };
        drs_core::certify(pool.pool, self.method, self.protocol, Some(provenance), votes)
    }
}

/// Which class does the classifier answer with that `method` certifies?
#[derive(Debug, Clone, Copy)]
pub struct Predict<'a> {
    /// Of which classifier.
    pub method: Method,
    /// How many draws, at which level.
    pub protocol: &'a Protocol,
    /// What the noise is addressed by.
    pub seed: Seed,
}

impl Question for Predict<'_> {
    type Answer = Prediction;

    fn seed(&self) -> Seed {
        self.seed
    }

    fn answer(
        &self,
        pool: PoolView<'_>,
        _: InputRecord,
        votes: &mut impl VoteSource<Error = EngineError>,
    ) -> Result<Prediction, RouteError> {
        drs_core::predict(pool.pool, self.method, self.protocol, votes)
    }
}

/// How do models vote on noisy copies? The answer has, for each stage and each of its looks, the
/// votes up to that look.
#[derive(Debug, Clone)]
pub struct Count {
    /// Which models, on which of their draws, and after how many of them the votes are looked at:
    /// numbers that rise.
    pub stages: Vec<(Stage, Vec<u64>)>,
    /// What the noise is addressed by.
    pub seed: Seed,
}

impl Question for Count {
    type Answer = Vec<Vec<VoteCounts>>;

    fn seed(&self) -> Seed {
        self.seed
    }

    fn answer(
        &self,
        _: PoolView<'_>,
        _: InputRecord,
        votes: &mut impl VoteSource<Error = EngineError>,
    ) -> Result<Self::Answer, RouteError> {
        // All at once: where a router shares an expert's model, both are told of the same draws.
        self.stages.iter().for_each(|(stage, looks)| votes.announce(*stage, looks));
        let count = |(stage, looks): &(Stage, Vec<u64>)| up_to(votes, *stage, looks);
        self.stages.iter().map(count).collect::<Result<_, _>>().map_err(RouteError::Votes)
    }
}

/// The votes up to each of these numbers of draws.
fn up_to<S: VoteSource>(
    source: &mut S,
    stage: Stage,
    looks: &[u64],
) -> Result<Vec<VoteCounts>, S::Error> {
    let mut all: Vec<VoteCounts> = Vec::with_capacity(looks.len());
    let mut start = 0;
    for &end in looks {
        let mut votes = source.votes(stage, start..end)?;
        if let Some(before) = all.last() {
            votes.add(before);
        }
        all.push(votes);
        start = end;
    }
    Ok(all)
}
