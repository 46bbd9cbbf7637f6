//! One input's votes, as procedures ask for them.

use std::ops::Range;
use std::sync::Arc;

use drs_core::certificate::Verdict;
use drs_core::lattice::{Digest, LatticeInput};
use drs_core::noise::{NoiseStream, Seed};
use drs_core::pool::Stage;
use drs_core::source::VoteSource;
use drs_core::votes::VoteCounts;

use crate::engine::{EngineError, Reading};
use crate::models::Models;
use crate::under_way::UnderWay;

/// Votes of one input through the engine.
pub(crate) struct EngineSource<'a> {
    models: &'a Models,
    input: Arc<LatticeInput>,
    digest: Digest,
    seed: Seed,
    under_way: Arc<UnderWay>,
    readings: Vec<(Stage, Reading<'a>)>,
}

impl<'a> EngineSource<'a> {
    pub(crate) fn new(
        models: &'a Models,
        input: Arc<LatticeInput>,
        digest: Digest,
        seed: Seed,
        under_way: Arc<UnderWay>,
    ) -> Self {
        Self { models, input, digest, seed, under_way, readings: Vec::new() }
    }

    /// What all draws took, in seconds of the machine.
    pub(crate) fn close(self) -> f64 {
        self.readings.into_iter().map(|(_, reading)| reading.close()).sum()
    }

    /// Announces draws of a stage, in looks.
    fn read(&mut self, stage: Stage, first: u64, ends: &[u64]) -> &Reading<'a> {
        let models = self.models;
        let address = models.pool.address(stage);
        let stream = NoiseStream::new(self.seed, self.digest, &address);
        let input = Arc::clone(&self.input);
        let known = self.under_way.before().stage(&address);
        let reading =
            models.engine.read(models.lane(stage.role), input, stream, first, ends, known);
        self.under_way.watch(address, reading.ticket());
        let place = self.readings.len();
        self.readings.push((stage, reading));
        &self.readings[place].1
    }

    /// The reading of a stage that has these draws.
    fn reading(&self, stage: Stage, draws: &Range<u64>) -> Option<&Reading<'a>> {
        let mut of_stage = self.readings.iter().filter(|(other, _)| *other == stage);
        of_stage.find(|(_, reading)| reading.covers(draws)).map(|(_, reading)| reading)
    }
}

impl VoteSource for EngineSource<'_> {
    type Error = EngineError;

    fn announce(&mut self, stage: Stage, looks: &[u64]) {
        let drawn = self.models.drawn(stage);
        // Another stage may have announced the same draws.
        if !looks.iter().all(|&end| self.reading(drawn, &(0..end)).is_some()) {
            self.read(drawn, 0, looks);
        }
    }

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, EngineError> {
        let drawn = self.models.drawn(stage);
        let votes = match self.reading(drawn, &draws) {
            Some(reading) => reading.votes(&draws),
            None => self.read(drawn, draws.start, &[draws.end]).votes(&draws),
        };
        Ok(self.models.told(stage, votes?))
    }

    fn is_time_up(&self, error: &EngineError) -> bool {
        *error == EngineError::TimeUp
    }

    fn judged(&mut self, so_far: &Verdict) {
        self.under_way.judged(so_far);
    }
}
