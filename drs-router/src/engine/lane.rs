//! One model's queue and batches.

use std::collections::VecDeque;
use std::sync::Arc;

use drs_core::lattice::LatticeInput;
use drs_core::noise::NoiseStream;

use super::model::{Batch, Model, Segment};
use super::ticket::Ticket;
use super::{EngineError, LaneSpec};

/// Batches filled ahead of the model, beside those it is running.
const AHEAD: usize = 2;

/// Draws `next` to `end` − 1 of one stage of one input.
pub(super) struct Job {
    pub(super) input: Arc<LatticeInput>,
    pub(super) stream: NoiseStream,
    pub(super) next: u64,
    pub(super) end: u64,
    pub(super) ticket: Arc<Ticket>,
}

pub(super) struct Lane {
    model: Arc<Model>,
    jobs: VecDeque<Job>,
    ready: VecDeque<Batch>,
    filling: usize,
    running: usize,
    /// Buffers to use again.
    spare: Vec<Vec<i16>>,
}

impl Lane {
    pub(super) fn new(spec: LaneSpec) -> Self {
        Self {
            model: Arc::new(Model::new(spec)),
            jobs: VecDeque::new(),
            ready: VecDeque::new(),
            filling: 0,
            running: 0,
            spare: Vec::new(),
        }
    }

    pub(super) fn model(&self) -> Arc<Model> {
        Arc::clone(&self.model)
    }

    pub(super) fn classes(&self) -> usize {
        self.model.classes()
    }

    pub(super) fn push(&mut self, job: Job) {
        self.jobs.push_back(job);
    }

    fn waiting_rows(&self) -> u64 {
        self.jobs.iter().map(|job| job.end - job.next).sum()
    }

    /// A batch to run the model on, if one is ready and the model may run.
    pub(super) fn take_ready(&mut self) -> Option<(Arc<Model>, Batch)> {
        let limit = self.model.concurrency();
        if limit > 0 && self.running >= limit {
            return None;
        }
        let batch = self.ready.pop_front()?;
        self.running += 1;
        Some((Arc::clone(&self.model), batch))
    }

    /// How much a new batch is worth making: its rows, or nothing if enough is
    /// ahead. A batch that would not be full waits for company as long as the
    /// model has other work.
    pub(super) fn fill_worth(&self) -> u64 {
        let rows = self.waiting_rows().min(self.model.batch() as u64);
        let ahead = self.ready.len() + self.filling;
        let full = rows == self.model.batch() as u64;
        if ahead >= AHEAD || (!full && ahead > 0) { 0 } else { rows }
    }

    /// Takes the rows of the next batch from the queue.
    pub(super) fn take_rows(&mut self) -> (Arc<Model>, Batch) {
        let mut segments = Vec::new();
        let mut room = self.model.batch();
        while room > 0 {
            let Some(job) = self.jobs.front_mut() else { break };
            if job.ticket.failed() {
                self.jobs.pop_front();
                continue;
            }
            let rows = usize::try_from(job.end - job.next).map_or(room, |left| left.min(room));
            segments.push(Segment {
                input: Arc::clone(&job.input),
                stream: job.stream.clone(),
                first: job.next,
                rows,
                ticket: Arc::clone(&job.ticket),
            });
            job.next += rows as u64;
            room -= rows;
            if job.next == job.end {
                self.jobs.pop_front();
            }
        }
        self.filling += 1;
        let values = self.spare.pop().unwrap_or_else(|| vec![0; self.model.buffer()]);
        (Arc::clone(&self.model), Batch { values, segments })
    }

    pub(super) fn filled(&mut self, batch: Batch) {
        self.filling -= 1;
        if batch.segments.is_empty() {
            self.spare.push(batch.values);
        } else {
            self.ready.push_back(batch);
        }
    }

    pub(super) fn ran(&mut self, batch: Batch) {
        self.running -= 1;
        self.spare.push(batch.values);
    }

    /// Fails all that waits.
    pub(super) fn stop(&mut self) {
        for job in self.jobs.drain(..) {
            job.ticket.fail(&EngineError::Stopped);
        }
        for batch in self.ready.drain(..) {
            batch.fail(&EngineError::Stopped);
        }
    }
}
