//! What a caller waits on: the counts of a stage, look by look, or the first error.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use drs_core::votes::VoteCounts;

use super::EngineError;
use super::counted::Counted;
use crate::drawn::Run;

pub(crate) struct Ticket {
    /// Draws below this one are waited for.
    asked: AtomicU64,
    /// Draws that were put into batches.
    taken: AtomicU64,
    state: Mutex<State>,
    done: Condvar,
}

struct State {
    counted: Counted,
    error: Option<EngineError>,
    cost: Cost,
}

/// Draws, and the seconds of the machine that they took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Cost {
    pub(super) draws: u64,
    pub(super) seconds: f64,
}

impl Cost {
    /// Seconds for one draw; 0 before there was any.
    pub(super) fn each(self) -> f64 {
        if self.draws == 0 { 0.0 } else { self.seconds / self.draws as f64 }
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.draws += other.draws;
        self.seconds += other.seconds;
    }
}

impl Ticket {
    /// For draws from `first`, counted up to each of the `ends`, which ascend; the votes that are
    /// `known` need not be drawn.
    pub(super) fn new(classes: usize, first: u64, ends: &[u64], known: &[Run]) -> Self {
        let mut counted = Counted::new(classes, first, ends);
        known.iter().for_each(|run| counted.take(run));
        Self {
            asked: AtomicU64::new(first),
            taken: AtomicU64::new(0),
            state: Mutex::new(State { counted, error: None, cost: Cost::default() }),
            done: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked has left no step of counting half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The looks that make up these draws, if they do.
    pub(super) fn looks(&self, draws: &Range<u64>) -> Option<Range<usize>> {
        self.state().counted.looks(draws)
    }

    /// The draws whose votes are not there yet.
    pub(super) fn gaps(&self) -> Vec<Range<u64>> {
        self.state().counted.gaps()
    }

    /// The votes that are there.
    pub(crate) fn drawn(&self) -> Vec<Run> {
        self.state().counted.drawn().collect()
    }

    /// Marks draws below `end` as waited for.
    pub(super) fn ask(&self, end: u64) {
        self.asked.fetch_max(end, Ordering::Relaxed);
    }

    /// Whether somebody waits for this draw.
    pub(super) fn asked(&self, draw: u64) -> bool {
        draw < self.asked.load(Ordering::Relaxed)
    }

    /// Notes that so many draws are on their way.
    pub(super) fn take(&self, draws: u64) {
        self.taken.fetch_add(draws, Ordering::Relaxed);
    }

    /// Notes what draws took, before their votes are credited.
    pub(super) fn settle(&self, cost: Cost) {
        self.state().cost += cost;
    }

    /// What the draws took so far, and how many are still on their way.
    pub(super) fn cost(&self) -> (Cost, u64) {
        let cost = self.state().cost;
        (cost, self.taken.load(Ordering::Relaxed).saturating_sub(cost.draws))
    }

    /// Adds the votes of consecutive draws.
    pub(super) fn credit(&self, first: u64, votes: &[u32]) {
        self.state().counted.credit(first, votes);
        self.done.notify_all();
    }

    /// Ends all waits for votes that are not there with an error; the first one stays.
    pub(crate) fn fail(&self, error: &EngineError) {
        self.state().error.get_or_insert_with(|| error.clone());
        self.done.notify_all();
    }

    /// Whether more draws would be of no use.
    pub(super) fn failed(&self) -> bool {
        self.state().error.is_some()
    }

    /// The votes of these looks.
    pub(super) fn wait(&self, looks: Range<usize>) -> Result<VoteCounts, EngineError> {
        let mut state = self.state();
        loop {
            if let Some(counts) = state.counted.counts(looks.clone()) {
                return VoteCounts::new(counts).map_err(|_| EngineError::Stopped);
            }
            if let Some(error) = &state.error {
                return Err(error.clone());
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_that_are_there_outlive_an_error() {
        let ticket = Ticket::new(2, 0, &[2, 4], &[Run::new(0, &[1]).unwrap()]);
        ticket.credit(1, &[1]);
        ticket.fail(&EngineError::Stopped);
        assert!(ticket.failed());
        assert_eq!(ticket.wait(0..1).unwrap().counts(), [1, 1]);
        assert_eq!(ticket.wait(0..2), Err(EngineError::Stopped));
        assert_eq!(ticket.drawn(), [Run::new(0, &[1, 1]).unwrap()]);
    }

    #[test]
    fn draws_on_their_way_are_known() {
        let ticket = Ticket::new(2, 0, &[10, 20], &[]);
        ticket.take(5);
        ticket.take(3);
        let cost = Cost { draws: 5, seconds: 0.5 };
        ticket.settle(cost);
        assert_eq!(ticket.cost(), (cost, 3));
        assert_eq!((cost.each(), Cost::default().each()), (0.1, 0.0));
    }

    #[test]
    fn only_draws_that_were_asked_for_are_waited_for() {
        let ticket = Ticket::new(2, 0, &[10, 20], &[]);
        assert!(!ticket.asked(0));
        ticket.ask(10);
        assert!(ticket.asked(9) && !ticket.asked(10));
    }
}
