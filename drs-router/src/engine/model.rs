//! What turns a batch's draws into votes: shared with the workers outside the lock.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use drs_core::lattice::{LatticeInput, Quantum, Shape};
use drs_core::noise::{NoiseStream, NoiseTable};
use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment};

use super::clock::Clock;
use super::steadiness::Steadiness;
use super::ticket::{Cost, Ticket};
use super::{EngineError, LaneSpec};
use crate::plugin::{Failure, LoadedExpert};

/// A model and its noise; nothing but its accounts changes.
pub(super) struct Model {
    expert: LoadedExpert,
    table: NoiseTable,
    quantum: Quantum,
    batch: usize,
    /// High and low halves of the table's thresholds, if the plugin draws.
    thresholds: Option<(Vec<u32>, Vec<u64>)>,
    /// Nanoseconds that batches took of which somebody waited for a row.
    busy: AtomicU64,
    /// Of all batches so far.
    cost: Mutex<Cost>,
    pub(super) steadiness: Steadiness,
}

/// A batch and the rows that count in it.
pub(super) struct Batch {
    /// The noisy inputs; empty if the plugin makes them.
    pub(super) values: Vec<i16>,
    pub(super) segments: Vec<Segment>,
    /// Seconds of the machine that its noise took.
    pub(super) seconds: f64,
}

/// Consecutive rows of a batch that belong to one job.
pub(super) struct Segment {
    pub(super) draws: Draws,
    pub(super) ticket: Arc<Ticket>,
}

/// Consecutive draws of one stage of one input.
#[derive(Clone)]
pub(super) struct Draws {
    pub(super) input: Arc<LatticeInput>,
    pub(super) stream: NoiseStream,
    pub(super) first: u64,
    pub(super) rows: usize,
}

impl Model {
    pub(super) fn new(spec: LaneSpec) -> Self {
        let LaneSpec { expert, table, quantum, batch } = spec;
        let thresholds = expert.draws().then(|| {
            #[expect(clippy::cast_possible_truncation, reason = "a threshold has 81 bits")]
            let halves = |&threshold: &u128| ((threshold >> 64) as u32, threshold as u64);
            table.thresholds().iter().map(halves).unzip()
        });
        Self {
            expert,
            table,
            quantum,
            batch,
            thresholds,
            busy: AtomicU64::new(0),
            cost: Mutex::default(),
            steadiness: Steadiness::default(),
        }
    }

    /// Inputs per batch.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Time that the model has run in batches that somebody waited for.
    pub(super) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy.load(Ordering::Relaxed))
    }

    /// What all draws took so far.
    pub(super) fn cost(&self) -> Cost {
        *self.cost.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Runs the model, notes what it took and credits the votes.
    pub(super) fn run(&self, batch: &Batch, clock: &Clock) {
        let mut votes = vec![0; batch.rows()];
        let (start, asked) = (Instant::now(), batch.asked());
        let task = clock.start();
        let outcomes = self.outcomes(batch, &mut votes);
        let cost = Cost { draws: votes.len() as u64, seconds: batch.seconds + task.end() };
        if asked {
            let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.busy.fetch_add(took, Ordering::Relaxed);
        }
        *self.cost.lock().unwrap_or_else(PoisonError::into_inner) += cost;
        let mut rest = votes.as_slice();
        for (segment, outcome) in batch.segments.iter().zip(outcomes) {
            let (own, others) = rest.split_at(segment.draws.rows);
            // Who waits for the votes may go on with them at once.
            let draws = own.len() as u64;
            segment.ticket.settle(Cost { draws, seconds: draws as f64 * cost.each() });
            match outcome {
                Ok(()) => segment.ticket.credit(segment.draws.first, own),
                Err(error) => segment.ticket.fail(&error),
            }
            rest = others;
        }
    }

    /// Asks for the votes and, where it is their turn, whether they depend on their own inputs
    /// alone. Tells for each segment whether its votes may be used.
    fn outcomes(&self, batch: &Batch, votes: &mut [u32]) -> Vec<Result<(), EngineError>> {
        let draws = batch.draws();
        let voted = self.unbroken().and_then(|()| self.votes(&batch.values, &draws, votes));
        match voted.and_then(|()| self.try_again(&draws, votes)) {
            Err(EngineError::Lost { .. }) => self.one_by_one(batch, votes),
            outcome => vec![outcome; draws.len()],
        }
    }

    /// Asks again for each segment by itself: which of a batch's inputs its process was lost
    /// over is not known, and the others' draws must not suffer.
    fn one_by_one(&self, batch: &Batch, votes: &mut [u32]) -> Vec<Result<(), EngineError>> {
        let mut before = 0;
        let mut alone = |Segment { draws, .. }: &Segment| {
            let rows = before..before + draws.rows;
            before = rows.end;
            let values = batch.alone(rows.clone(), self.expert.shape().values());
            self.votes(&values, &[draws], &mut votes[rows])
        };
        batch.segments.iter().map(&mut alone).collect()
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

impl Batch {
    /// Whose rows these are, in their order.
    pub(super) fn draws(&self) -> Vec<&Draws> {
        self.segments.iter().map(|segment| &segment.draws).collect()
    }

    /// The rows that count.
    fn rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.draws.rows).sum()
    }

    /// Whether somebody waits for one of the rows.
    pub(super) fn asked(&self) -> bool {
        self.segments.iter().any(|segment| segment.ticket.asked(segment.draws.first))
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
