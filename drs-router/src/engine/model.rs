//! What turns a batch's draws into votes: shared with the workers outside the lock.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drs_core::lattice::LatticeInput;
use drs_core::noise::{NoiseStream, NoiseTable};
use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment};

use super::ticket::Ticket;
use super::{EngineError, LaneSpec};
use crate::plugin::{Failure, LoadedExpert};

/// A model and its noise; nothing but its clock changes.
pub(super) struct Model {
    expert: LoadedExpert,
    table: NoiseTable,
    batch: usize,
    /// High and low halves of the table's thresholds, if the plugin draws.
    thresholds: Option<(Vec<u32>, Vec<u64>)>,
    /// Nanoseconds that batches took of which somebody waited for a row.
    busy: AtomicU64,
}

/// A batch and the rows that count in it.
pub(super) struct Batch {
    /// The noisy inputs; empty if the plugin makes them.
    pub(super) values: Vec<i16>,
    pub(super) segments: Vec<Segment>,
}

/// Consecutive rows of a batch that belong to one job.
pub(super) struct Segment {
    pub(super) input: Arc<LatticeInput>,
    pub(super) stream: NoiseStream,
    pub(super) first: u64,
    pub(super) rows: usize,
    pub(super) ticket: Arc<Ticket>,
}

impl Model {
    pub(super) fn new(spec: LaneSpec) -> Self {
        let LaneSpec { expert, table, batch } = spec;
        let thresholds = expert.draws().then(|| {
            #[expect(clippy::cast_possible_truncation, reason = "a threshold has 81 bits")]
            let halves = |&threshold: &u128| ((threshold >> 64) as u32, threshold as u64);
            table.thresholds().iter().map(halves).unzip()
        });
        Self { expert, table, batch, thresholds, busy: AtomicU64::new(0) }
    }

    /// Inputs per batch.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Time that the model has run in batches that somebody waited for.
    pub(super) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy.load(Ordering::Relaxed))
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

    /// Length of a batch's values.
    pub(super) fn buffer(&self) -> usize {
        if self.thresholds.is_some() { 0 } else { self.batch * self.expert.shape().values() }
    }

    /// Writes the noisy inputs; rows beyond the segments keep whatever they held.
    pub(super) fn fill(&self, batch: &mut Batch, scratch: &mut Vec<u8>) {
        if self.thresholds.is_some() {
            // Plugins draw around lattice points only: the host draws a batch with another input.
            let host = batch.segments.iter().any(|segment| segment.input.reals().is_some());
            let values = if host { self.batch * self.expert.shape().values() } else { 0 };
            batch.values.resize(values, 0);
        }
        let mut rows = batch.values.chunks_exact_mut(self.expert.shape().values());
        for segment in &batch.segments {
            for (index, row) in (segment.first..).zip(rows.by_ref().take(segment.rows)) {
                segment.stream.noisy_copy(&self.table, index, &segment.input, row, scratch);
            }
        }
    }

    /// Runs the model and credits the votes.
    pub(super) fn run(&self, batch: &Batch) {
        let rows = batch.segments.iter().map(|segment| segment.rows).sum();
        let mut votes = vec![0; rows];
        let (start, asked) = (Instant::now(), batch.asked());
        let voted = self.votes(batch, &mut votes);
        if asked {
            let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.busy.fetch_add(took, Ordering::Relaxed);
        }
        match voted {
            Ok(()) => {
                let mut rest = votes.as_slice();
                for segment in &batch.segments {
                    let (own, others) = rest.split_at(segment.rows);
                    segment.ticket.credit(segment.first, own);
                    rest = others;
                }
            }
            Err(EngineError::Lost { .. }) => self.one_by_one(batch, &mut votes),
            Err(error) => batch.fail(&error),
        }
    }

    /// Asks again for each segment by itself: which of a batch's inputs its process was lost
    /// over is not known, and the others' draws must not suffer.
    fn one_by_one(&self, batch: &Batch, votes: &mut [u32]) {
        let mut before = 0;
        for segment in &batch.segments {
            let rows = before..before + segment.rows;
            let own = &mut votes[rows.clone()];
            match self.ask(&batch.alone(rows, self.expert.shape().values()), &[segment], own) {
                Ok(()) => segment.ticket.credit(segment.first, own),
                Err(error) => segment.ticket.fail(&error),
            }
            before += segment.rows;
        }
    }

    /// One vote for each row that counts.
    pub(super) fn votes(&self, batch: &Batch, votes: &mut [u32]) -> Result<(), EngineError> {
        self.ask(&batch.values, &batch.segments.iter().collect::<Vec<_>>(), votes)
    }

    fn ask(
        &self,
        values: &[i16],
        segments: &[&Segment],
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
                let segments: Vec<_> = segments.iter().map(|segment| segment.address()).collect();
                self.expert.draw(noise, &segments, self.batch, votes)
            }
            _ => self.expert.vote(values, votes),
        };
        let (model, plugin) = self.names();
        match voted {
            Ok(()) => {}
            Err(Failure::Plugin(message)) => {
                return Err(EngineError::Plugin { model, plugin, message });
            }
            Err(Failure::Lost(message)) => {
                return Err(EngineError::Lost { model, plugin, message });
            }
        }
        let classes = self.classes();
        match votes.iter().find(|&&vote| vote as usize >= classes) {
            Some(&vote) => Err(EngineError::Vote { model, plugin, vote, classes }),
            None => Ok(()),
        }
    }
}

impl Segment {
    fn address(&self) -> AbiSegment<'_> {
        AbiSegment {
            input: self.input.values().into(),
            key: self.stream.key(),
            first: self.first,
            rows: self.rows,
        }
    }
}

impl Batch {
    /// Whether somebody waits for one of the rows.
    pub(super) fn asked(&self) -> bool {
        self.segments.iter().any(|segment| segment.ticket.asked(segment.first))
    }

    /// These rows at the head of a batch of the same size.
    fn alone(&self, rows: Range<usize>, size: usize) -> Vec<i16> {
        let mut values = self.values.clone();
        if !values.is_empty() {
            values.copy_within(rows.start * size..rows.end * size, 0);
        }
        values
    }

    pub(super) fn fail(&self, error: &EngineError) {
        for segment in &self.segments {
            segment.ticket.fail(error);
        }
    }
}
