//! What turns a batch's draws into votes: shared with the workers outside the lock.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::steadiness::Steadiness;
use super::ticket::{Cost, Ticket};
use super::voter::{Draws, Voter};
use super::{EngineError, LaneSpec};

/// A model that runs; nothing but its accounts changes.
pub(super) struct Model {
    pub(super) voter: Voter,
    /// Nanoseconds that batches took of which somebody waited for a row.
    busy: AtomicU64,
    /// Of all batches so far.
    cost: Mutex<Cost>,
    batches: AtomicU64,
    pub(super) steadiness: Steadiness,
}

/// What a model has run so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    /// `router` or the expert's name.
    pub model: String,
    /// How many batches.
    pub batches: u64,
    /// Noisy inputs in them, all together.
    pub rows: u64,
    /// How many fit into one.
    pub size: usize,
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

impl Model {
    pub(super) fn new(spec: LaneSpec) -> Self {
        Self {
            voter: Voter::new(spec),
            busy: AtomicU64::new(0),
            cost: Mutex::default(),
            batches: AtomicU64::new(0),
            steadiness: Steadiness::default(),
        }
    }

    /// Time that the model has run in batches that somebody waited for.
    pub(super) fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy.load(Ordering::Relaxed))
    }

    /// What all draws took so far.
    pub(super) fn cost(&self) -> Cost {
        *self.cost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many batches have run, and how full they were.
    pub(super) fn batches(&self) -> Batches {
        Batches {
            model: self.voter.names().0,
            batches: self.batches.load(Ordering::Relaxed),
            rows: self.cost().draws,
            size: self.voter.batch(),
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
        self.batches.fetch_add(1, Ordering::Relaxed);
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
        let voted = self.steadiness.unbroken();
        let voted = voted.and_then(|()| self.voter.votes(&batch.values, &draws, votes));
        match voted.and_then(|()| self.steadiness.try_again(&self.voter, &draws, votes)) {
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
            let values = batch.alone(rows.clone(), self.voter.values());
            self.voter.votes(&values, &[draws], &mut votes[rows])
        };
        batch.segments.iter().map(&mut alone).collect()
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
