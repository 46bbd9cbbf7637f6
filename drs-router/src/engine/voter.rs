//! A model and the noise of its inputs: what turns draws into votes.

use std::sync::Arc;

use drs_core::lattice::{LatticeInput, Quantum, Shape};
use drs_core::noise::{NoiseStream, NoiseTable};
use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment};

use super::{EngineError, LaneSpec};
use crate::expert::LoadedExpert;
use crate::plugin::Failure;

/// A model and its noise; nothing of it changes.
pub(super) struct Voter {
    expert: LoadedExpert,
    table: NoiseTable,
    quantum: Quantum,
    batch: usize,
    /// High and low halves of the table's thresholds, if the plugin draws.
    thresholds: Option<(Vec<u32>, Vec<u64>)>,
}

/// Consecutive draws of one stage of one input.
#[derive(Clone)]
pub(super) struct Draws {
    pub(super) input: Arc<LatticeInput>,
    pub(super) stream: NoiseStream,
    pub(super) first: u64,
    pub(super) rows: usize,
}

impl Voter {
    pub(super) fn new(spec: LaneSpec) -> Self {
        let LaneSpec { expert, table, quantum, batch } = spec;
        let thresholds = expert.draws().then(|| {
            #[expect(clippy::cast_possible_truncation, reason = "a threshold has 81 bits")]
            let halves = |&threshold: &u128| ((threshold >> 64) as u32, threshold as u64);
            table.thresholds().iter().map(halves).unzip()
        });
        Self { expert, table, quantum, batch, thresholds }
    }

    /// Inputs per batch.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// The model's name and its plugin's.
    pub(super) fn names(&self) -> (String, String) {
        (self.expert.name().to_owned(), self.expert.plugin().name.clone())
    }

    /// Number of classes.
    pub(super) fn classes(&self) -> usize {
        self.expert.manifest().classes.len()
    }

    /// How many batches may run at once; 0 for any number.
    pub(super) fn concurrency(&self) -> usize {
        self.expert.manifest().concurrency
    }

    /// Share of votes that may change with what else is in the batch.
    pub(super) fn tolerance(&self) -> f64 {
        self.expert.manifest().tolerance
    }

    /// Channels, height, width of the inputs, and their lattice.
    pub(super) fn inputs(&self) -> (Shape, Quantum) {
        (self.expert.shape(), self.quantum)
    }

    /// Length of a batch's values.
    pub(super) fn buffer(&self) -> usize {
        if self.thresholds.is_some() { 0 } else { self.batch * self.expert.shape().values() }
    }

    /// Length of the values of a batch with these draws. Plugins draw around lattice points only:
    /// the host draws a batch with another input.
    pub(super) fn length(&self, draws: &[&Draws]) -> usize {
        let host = self.thresholds.is_none() || draws.iter().any(|d| d.input.reals().is_some());
        if host { self.batch * self.expert.shape().values() } else { 0 }
    }

    /// Writes the noisy inputs; rows beyond the draws keep whatever they held.
    pub(super) fn fill(&self, values: &mut Vec<i16>, draws: &[&Draws], scratch: &mut Vec<u8>) {
        values.resize(self.length(draws), 0);
        let mut rows = values.chunks_exact_mut(self.expert.shape().values());
        for Draws { input, stream, first, rows: count } in draws {
            for (index, row) in (*first..).zip(rows.by_ref().take(*count)) {
                stream.noisy_copy(&self.table, index, input, row, scratch);
            }
        }
    }

    /// Length of one input's values.
    pub(super) fn values(&self) -> usize {
        self.expert.shape().values()
    }

    /// Whether it may go on when its process is lost.
    pub(super) fn restartable(&self) -> Result<(), EngineError> {
        self.expert.restartable().map_err(|failure| self.failed(failure))
    }

    fn failed(&self, failure: Failure) -> EngineError {
        let (model, plugin) = self.names();
        match failure {
            Failure::Plugin(message) => EngineError::Plugin { model, plugin, message },
            Failure::Lost(message) => EngineError::Lost { model, plugin, message },
        }
    }

    /// One vote for each row that counts.
    pub(super) fn votes(
        &self,
        values: &[i16],
        draws: &[&Draws],
        votes: &mut [u32],
    ) -> Result<(), EngineError> {
        let voted = match &self.thresholds {
            Some((high, low)) if values.is_empty() => {
                let noise = AbiNoiseTable {
                    cells: self.table.cells().into(),
                    thresholds_high: high.as_slice().into(),
                    thresholds_low: low.as_slice().into(),
                    lowest: self.table.lowest(),
                };
                let segments: Vec<_> = draws.iter().map(|draws| draws.address()).collect();
                self.expert.draw(noise, &segments, self.batch, votes)
            }
            _ => self.expert.vote(values, votes),
        };
        voted.map_err(|failure| self.failed(failure))?;
        let (model, plugin) = self.names();
        let classes = self.classes();
        match votes.iter().find(|&&vote| vote as usize >= classes) {
            Some(&vote) => Err(EngineError::Vote { model, plugin, vote, classes }),
            None => Ok(()),
        }
    }
}

impl Draws {
    fn address(&self) -> AbiSegment<'_> {
        AbiSegment {
            input: self.input.values().into(),
            key: self.stream.key(),
            first: self.first,
            rows: self.rows,
        }
    }
}
