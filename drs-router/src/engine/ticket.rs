//! What a caller waits on: the counts of a stage, look by look, or the first error.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use drs_core::votes::VoteCounts;

use super::EngineError;

pub(super) struct Ticket {
    classes: usize,
    /// The first draw, then the end of each look.
    bounds: Vec<u64>,
    /// Draws below this one are waited for.
    asked: AtomicU64,
    /// Draws that were put into batches.
    taken: AtomicU64,
    state: Mutex<State>,
    done: Condvar,
}

struct State {
    looks: Vec<Look>,
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

struct Look {
    counts: Vec<u64>,
    outstanding: u64,
}

impl Ticket {
    /// For draws from `first`, counted up to each of the `ends`, which ascend.
    pub(super) fn new(classes: usize, first: u64, ends: &[u64]) -> Self {
        let bounds: Vec<u64> = std::iter::once(first).chain(ends.iter().copied()).collect();
        let look = |pair: &[u64]| Look { counts: vec![0; classes], outstanding: pair[1] - pair[0] };
        let looks = bounds.windows(2).map(look).collect();
        Self {
            classes,
            bounds,
            asked: AtomicU64::new(first),
            taken: AtomicU64::new(0),
            state: Mutex::new(State { looks, error: None, cost: Cost::default() }),
            done: Condvar::new(),
        }
    }

    /// The looks that make up these draws, if they do.
    pub(super) fn looks(&self, draws: &Range<u64>) -> Option<Range<usize>> {
        let start = self.bounds.binary_search(&draws.start).ok()?;
        let end = self.bounds.binary_search(&draws.end).ok()?;
        (start < end).then_some(start..end)
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner).cost += cost;
    }

    /// What the draws took so far, and how many are still on their way.
    pub(super) fn cost(&self) -> (Cost, u64) {
        let cost = self.state.lock().unwrap_or_else(PoisonError::into_inner).cost;
        (cost, self.taken.load(Ordering::Relaxed).saturating_sub(cost.draws))
    }

    /// Adds the votes of consecutive draws.
    pub(super) fn credit(&self, first: u64, votes: &[u32]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut index = self.bounds.partition_point(|&bound| bound <= first) - 1;
        for (draw, &vote) in (first..).zip(votes) {
            if draw == self.bounds[index + 1] {
                index += 1;
            }
            let look = &mut state.looks[index];
            look.counts[vote as usize] += 1;
            look.outstanding -= 1;
        }
        self.done.notify_all();
    }

    /// Ends all waits with an error; the first one stays.
    pub(super) fn fail(&self, error: &EngineError) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.error.get_or_insert_with(|| error.clone());
        self.done.notify_all();
    }

    /// Whether more draws would be of no use.
    pub(super) fn failed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).error.is_some()
    }

    /// The votes of these looks.
    pub(super) fn wait(&self, looks: Range<usize>) -> Result<VoteCounts, EngineError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(error) = &state.error {
                return Err(error.clone());
            }
            let looks = &state.looks[looks.clone()];
            if looks.iter().all(|look| look.outstanding == 0) {
                let count = |class| looks.iter().map(|look| look.counts[class]).sum();
                let counts = (0..self.classes).map(count).collect();
                return VoteCounts::new(counts).map_err(|_| EngineError::Stopped);
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_counted_look_by_look() {
        let ticket = Ticket::new(2, 10, &[13, 20]);
        assert_eq!(ticket.looks(&(10..20)), Some(0..2));
        assert_eq!((ticket.looks(&(10..12)), ticket.looks(&(13..13))), (None, None));
        ticket.credit(15, &[1; 5]);
        ticket.credit(10, &[0, 0, 1, 0]);
        assert_eq!(ticket.wait(0..1).unwrap().counts(), [2, 1]);
        ticket.credit(14, &[0]);
        assert_eq!(ticket.wait(1..2).unwrap().counts(), [2, 5]);
        assert_eq!(ticket.wait(0..2).unwrap().counts(), [4, 6]);
    }

    #[test]
    fn draws_on_their_way_are_known() {
        let ticket = Ticket::new(2, 0, &[10, 20]);
        ticket.take(5);
        ticket.take(3);
        let cost = Cost { draws: 5, seconds: 0.5 };
        ticket.settle(cost);
        assert_eq!(ticket.cost(), (cost, 3));
        assert_eq!((cost.each(), Cost::default().each()), (0.1, 0.0));
    }

    #[test]
    fn only_draws_that_were_asked_for_are_waited_for() {
        let ticket = Ticket::new(2, 0, &[10, 20]);
        assert!(!ticket.asked(0));
        ticket.ask(10);
        assert!(ticket.asked(9) && !ticket.asked(10));
    }
}
