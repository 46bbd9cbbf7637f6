//! One model's queue and batches.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use drs_core::lattice::LatticeInput;
use drs_core::noise::NoiseStream;

use super::EngineError;
use super::model::{Batch, Model, Segment};
use super::ticket::Ticket;
use super::voter::Draws;

/// Batches filled ahead of the model, beside those it is running.
const AHEAD: usize = 2;

/// Draws of one stage of one input, for which nobody may be waiting yet.
pub(super) struct Job {
    pub(super) input: Arc<LatticeInput>,
    pub(super) stream: NoiseStream,
    /// Rising.
    pub(super) draws: VecDeque<Range<u64>>,
    pub(super) ticket: Arc<Ticket>,
    /// When it was announced or last asked for, in requests.
    pub(super) turn: u64,
}

impl Job {
    fn left(&self) -> u64 {
        self.draws.iter().map(|draws| draws.end - draws.start).sum()
    }

    /// Whether there is anything left that could be of use.
    fn open(&self) -> bool {
        !self.draws.is_empty() && !self.ticket.failed()
    }

    /// The next rows, `room` at most; `None` if nothing is left.
    fn take(&mut self, room: usize) -> Option<Segment> {
        let next = self.draws.front_mut()?;
        let first = next.start;
        let rows = usize::try_from(next.end - first).map_or(room, |left| left.min(room));
        next.start += rows as u64;
        if next.start == next.end {
            self.draws.pop_front();
        }
        self.ticket.take(rows as u64);
        let (input, stream) = (Arc::clone(&self.input), self.stream.clone());
        let draws = Draws { input, stream, first, rows };
        Some(Segment { draws, ticket: Arc::clone(&self.ticket) })
    }

    /// Takes the draws below `end` out.
    fn split(&mut self, end: u64) -> VecDeque<Range<u64>> {
        let mut below = VecDeque::new();
        while let Some(next) = self.draws.front_mut().filter(|next| next.start < end) {
            let cut = next.end.min(end);
            below.push_back(next.start..cut);
            next.start = cut;
            if next.start == next.end {
                self.draws.pop_front();
            }
        }
        below
    }
}

pub(super) struct Lane {
    model: Arc<Model>,
    /// Asked for.
    jobs: VecDeque<Job>,
    /// Announced; one for each reading.
    announced: Vec<Job>,
    ready: VecDeque<Batch>,
    filling: usize,
    running: usize,
    /// The longest that a batch has run.
    longest: Duration,
    /// Buffers to use again.
    spare: Vec<Vec<i16>>,
}

impl Lane {
    pub(super) fn new(model: Model) -> Self {
        Self {
            model: Arc::new(model),
            jobs: VecDeque::new(),
            announced: Vec::new(),
            ready: VecDeque::new(),
            filling: 0,
            running: 0,
            longest: Duration::ZERO,
            spare: Vec::new(),
        }
    }

    pub(super) fn model(&self) -> Arc<Model> {
        Arc::clone(&self.model)
    }

    pub(super) fn classes(&self) -> usize {
        self.model.voter.classes()
    }

    pub(super) fn announce(&mut self, job: Job) {
        self.announced.push(job);
    }

    /// Puts the announced draws below `end` into the queue, those that are not drawn ahead yet.
    pub(super) fn ask(&mut self, ticket: &Arc<Ticket>, end: u64, turn: u64) {
        let Some(job) = self.announced.iter_mut().find(|job| Arc::ptr_eq(&job.ticket, ticket))
        else {
            return;
        };
        job.turn = turn;
        let draws = job.split(end);
        if !draws.is_empty() {
            let asked = Job {
                input: Arc::clone(&job.input),
                stream: job.stream.clone(),
                draws,
                ticket: Arc::clone(ticket),
                turn,
            };
            self.jobs.push_back(asked);
        }
    }

    pub(super) fn forget(&mut self, ticket: &Arc<Ticket>) {
        self.announced.retain(|job| !Arc::ptr_eq(&job.ticket, ticket));
    }

    /// Takes one of the model's calls, if it may be called now.
    pub(super) fn claim(&mut self) -> bool {
        let limit = self.model.voter.concurrency();
        let free = limit == 0 || self.running < limit;
        self.running += usize::from(free);
        free
    }

    /// Gives it back.
    pub(super) fn release(&mut self) {
        self.running -= 1;
    }

    /// A batch to run the model on, if one is ready and the model may run; of
    /// those that nobody waits for only if `idle`.
    pub(super) fn take_ready(&mut self, idle: bool) -> Option<(Arc<Model>, Batch)> {
        let limit = self.model.voter.concurrency();
        if limit > 0 && self.running >= limit {
            return None;
        }
        let batch = self.ready.iter().position(|batch| idle || batch.asked())?;
        let batch = self.ready.remove(batch)?;
        self.running += 1;
        Some((Arc::clone(&self.model), batch))
    }

    /// How much a new batch is worth making: the rows that were asked for, or
    /// nothing if enough is ahead. A batch that would not be full waits for
    /// company as long as the model has other work.
    pub(super) fn fill_worth(&self) -> u64 {
        let waiting: u64 = self.jobs.iter().map(Job::left).sum();
        let rows = waiting.min(self.model.voter.batch() as u64);
        let ahead = self.ready.iter().filter(|batch| batch.asked()).count() + self.filling;
        let full = rows == self.model.voter.batch() as u64;
        if ahead >= AHEAD || (!full && ahead > 0) { 0 } else { rows }
    }

    /// The latest turn of a stage that a new batch could draw ahead of: the stage
    /// that was asked last is the likeliest to be asked next.
    pub(super) fn latest_ahead(&self) -> Option<u64> {
        if self.ready.len() + self.filling >= AHEAD {
            return None;
        }
        self.announced.iter().filter(|job| job.open()).map(|job| job.turn).max()
    }

    /// Takes the rows of the next batch: those asked for, then those that
    /// may be asked for next.
    pub(super) fn take_rows(&mut self) -> (Arc<Model>, Batch) {
        let mut segments: Vec<Segment> = Vec::new();
        let mut room = self.model.voter.batch();
        while room > 0 {
            let job = match self.jobs.front_mut() {
                Some(job) if !job.open() => {
                    self.jobs.pop_front();
                    continue;
                }
                Some(job) => Some(job),
                None => {
                    let open = self.announced.iter_mut().filter(|job| job.open());
                    open.max_by_key(|job| job.turn)
                }
            };
            let Some(segment) = job.and_then(|job| job.take(room)) else { break };
            room -= segment.draws.rows;
            segments.push(segment);
        }
        self.filling += 1;
        let values = self.spare.pop().unwrap_or_else(|| vec![0; self.model.voter.buffer()]);
        (Arc::clone(&self.model), Batch { values, segments, seconds: 0.0 })
    }

    pub(super) fn filled(&mut self, batch: Batch) {
        self.filling -= 1;
        if batch.segments.is_empty() {
            self.spare.push(batch.values);
        } else {
            self.ready.push_back(batch);
        }
    }

    pub(super) fn ran(&mut self, batch: Batch, took: Duration) {
        self.running -= 1;
        self.longest = self.longest.max(took);
        self.spare.push(batch.values);
    }

    /// Batches that the model runs on.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Batches that are being made or run.
    pub(super) fn busy(&self) -> usize {
        self.filling + self.running
    }

    /// The longest that a batch has run so far.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// Rows that are under way when the model is kept busy by so many workers.
    pub(super) fn rows_at_once(&self, workers: usize) -> usize {
        let running = match self.model.voter.concurrency() {
            0 => workers,
            limit => limit.min(workers),
        };
        self.model.voter.batch() * (running + AHEAD)
    }

    /// Fails all that waits: every reading is announced.
    pub(super) fn end(&mut self, why: &EngineError) {
        for job in self.jobs.drain(..).chain(self.announced.drain(..)) {
            job.ticket.fail(why);
        }
        for batch in self.ready.drain(..) {
            batch.fail(why);
        }
    }
}
