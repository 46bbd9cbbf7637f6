//! The pool, opened: a question about one input in, an answer out.

mod open;
mod timed;
mod warning;

use std::sync::Arc;
use std::time::{Duration, Instant};

use drs_core::certificate::{InputRecord, ModelRecord};
use drs_core::design::Schedule;
use drs_core::lattice::{Digest, LatticeInput};
use drs_core::noise::{NoiseStream, Seed};
use drs_core::pool::Pool;
use drs_core::protocol::{AlphaSplit, Protocol};
use drs_core::source::VoteSource;

use crate::engine::{Batches, EngineError, Stopper, Throughput};
use crate::models::{Models, Route};
use crate::panicked::Panicked;
use crate::question::{PoolView, Question, RouteError};
use crate::source::EngineSource;
use crate::under_way::UnderWay;

pub use open::{OpenError, Options};
pub use timed::Timed;
pub use warning::Warning;

/// Draws that a sequential stage asks for at a time, at the least.
const FEWEST_ROWS: usize = 16;

/// Inputs at once beyond those that fill the batches: some are read, judged or selected for.
const SPARE_INPUTS: usize = 4;

/// The most inputs at once.
const MOST_INPUTS: usize = 512;

/// A pool of experts and its router, loaded and ready.
pub struct Router {
    models: Models,
    records: Vec<ModelRecord>,
    classes: Vec<String>,
    split: AlphaSplit,
    warnings: Vec<Warning>,
}

impl Router {
    /// The models as the statistics see them.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.models.pool
    }

    /// Names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What the user should know before trusting the choice of models.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Answers a question about one input. Call from several threads to ask several at once.
    ///
    /// # Errors
    /// If the question does not fit the pool, a model fails or votes on more than its input
    /// alone, or a bound does not converge.
    pub fn ask<Q: Question>(
        &self,
        input: Arc<LatticeInput>,
        question: &Q,
    ) -> Result<Timed<Q::Answer>, RouteError> {
        self.ask_from(input, question, &Arc::default())
    }

    /// The same, with votes that were drawn before, and with a view of those that are there so far.
    /// Its times are without theirs.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and if the engine was [stopped](Self::stopper).
    pub fn ask_from<Q: Question>(
        &self,
        input: Arc<LatticeInput>,
        question: &Q,
        under_way: &Arc<UnderWay>,
    ) -> Result<Timed<Q::Answer>, RouteError> {
        let start = Instant::now();
        let record = InputRecord::from(&*input);
        let mut source = self.source(input, record.sha256, question.seed(), under_way);
        let view = PoolView { pool: self.pool(), models: &self.records, split: &self.split };
        let outcome = question.answer(view, record, &mut source)?;
        // Its own votes may have been tried by nobody; a model that failed with others' is no
        // better here.
        self.models.engine.steady().map_err(RouteError::Votes)?;
        let time = source.close();
        Ok(Timed { outcome, time, latency: start.elapsed().as_secs_f64() })
    }

    /// The identities of all models, in the order of certificates.
    #[must_use]
    pub fn models(&self) -> &[ModelRecord] {
        &self.records
    }

    /// The identities of the experts, in their order.
    #[must_use]
    pub fn experts(&self) -> &[ModelRecord] {
        // The router is the first, if there is one.
        &self.records[self.records.len() - self.models.pool.experts.len()..]
    }

    /// The votes of the models on one input, for procedures of the caller's own.
    ///
    /// They are the ones that [`Certify`](crate::Certify) is answered by under this seed.
    #[must_use]
    pub fn votes(
        &self,
        input: Arc<LatticeInput>,
        seed: Seed,
    ) -> impl VoteSource<Error = EngineError> {
        let digest = input.digest();
        self.source(input, digest, seed, &Arc::default())
    }

    /// Measures each model for about `time` on noisy copies of an input: the
    /// router first if it has one of its own, then the experts.
    ///
    /// # Errors
    /// Of each model, if it fails.
    pub fn throughput(
        &self,
        input: &Arc<LatticeInput>,
        time: Duration,
    ) -> impl Iterator<Item = Result<Throughput, EngineError>> {
        let stream = NoiseStream::new(Seed::from_number(0), input.digest(), "throughput");
        let own = usize::from(self.models.route == Route::Own);
        (0..own + self.models.pool.experts.len())
            .map(move |lane| self.models.engine.measure(lane, input, &stream, time))
    }

    /// Time that models have run so far, per model that can run at once: close
    /// to the time passed while the pool is kept busy.
    #[must_use]
    pub fn model_time(&self) -> Duration {
        self.models.engine.model_time()
    }

    /// What each model has run so far, and so how full its batches are.
    #[must_use]
    pub fn batches(&self) -> Vec<Batches> {
        self.models.engine.batches()
    }

    /// How many inputs to certify at once so that batches fill up: a sequential
    /// stage asks for few draws at a time.
    #[must_use]
    pub fn inputs_at_once(&self) -> usize {
        (self.models.engine.largest_batch() / FEWEST_ROWS).clamp(32, MOST_INPUTS)
    }

    /// Tries once more, at the end of a run, whether the models vote on each input alone: no
    /// result holds if one does not.
    ///
    /// # Errors
    /// If one does not, or fails.
    pub fn try_last(&self) -> Result<(), RouteError> {
        self.models.engine.try_last().map_err(RouteError::Votes)
    }

    /// Whether no trial so far has found a model that votes on more than its input.
    ///
    /// # Errors
    /// If one has.
    pub fn steady(&self) -> Result<(), RouteError> {
        self.models.engine.steady().map_err(RouteError::Votes)
    }

    /// Whether more may be asked of it.
    ///
    /// # Errors
    /// If it is not [steady](Self::steady), its engine broke, or an isolated model has lost more
    /// processes than experts.toml allows.
    pub fn usable(&self) -> Result<(), RouteError> {
        self.models.engine.usable().map_err(RouteError::Votes)
    }

    /// How many inputs to certify at once by this protocol: no more than batches need. With few
    /// draws at a time it takes many inputs to fill them, with all N at a time hardly two.
    #[must_use]
    pub fn inputs_at_once_by(&self, protocol: &Protocol) -> usize {
        let design = protocol.sampling.design(protocol.n);
        let looks = || design.looks().iter().map(|look| look.draws);
        // The smallest step between looks, but for early ones: those pass quickly.
        let steps = looks().zip(std::iter::once(0).chain(looks()));
        let steps = steps.filter(|(look, _)| *look >= Schedule::default().first);
        let draws = steps.map(|(look, before)| look - before).min().unwrap_or(protocol.n);
        let draws = usize::try_from(draws).unwrap_or(usize::MAX);
        (self.models.engine.rows_at_once().div_ceil(draws.max(1)) + SPARE_INPUTS).min(MOST_INPUTS)
    }

    /// What ends all waits for votes early, from anywhere: the certificates under way then fail
    /// with [`EngineError::Stopped`].
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.models.engine.stopper()
    }

    fn source(
        &self,
        input: Arc<LatticeInput>,
        digest: Digest,
        seed: Seed,
        under_way: &Arc<UnderWay>,
    ) -> EngineSource<'_> {
        EngineSource::new(&self.models, input, digest, seed, Arc::clone(under_way))
    }
}

/// Whether an error tells of a mistake in drs itself, its own or one of the engine's.
#[must_use]
pub fn is_panic(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_engine = match error.downcast_ref::<RouteError>() {
        Some(RouteError::Votes(error)) => Some(error),
        _ => error.downcast_ref::<EngineError>(),
    };
    error.is::<Panicked>() || matches!(of_engine, Some(EngineError::Panicked(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panicked::caught;

    #[test]
    fn a_panic_is_known_wherever_it_comes_from() {
        let panicked = caught::<()>(|| panic!("words")).unwrap_err();
        let engine = EngineError::from(panicked.clone());
        assert!(is_panic(&panicked) && is_panic(&engine));
        assert!(is_panic(&RouteError::Votes(engine)));
        assert!(!is_panic(&RouteError::Votes(EngineError::Stopped)));
    }
}
