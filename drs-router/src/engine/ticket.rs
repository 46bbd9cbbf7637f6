//! What a caller waits on: the counts of its job, or the first error.

use std::sync::{Condvar, Mutex, PoisonError};

use drs_core::votes::VoteCounts;

use super::EngineError;

pub(super) struct Ticket {
    state: Mutex<State>,
    done: Condvar,
}

struct State {
    counts: Vec<u64>,
    outstanding: u64,
    error: Option<EngineError>,
}

impl Ticket {
    pub(super) fn new(classes: usize, draws: u64) -> Self {
        let state = State { counts: vec![0; classes], outstanding: draws, error: None };
        Self { state: Mutex::new(state), done: Condvar::new() }
    }

    /// Adds the votes of some of the job's draws.
    pub(super) fn credit(&self, votes: &[u32]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for &vote in votes {
            state.counts[vote as usize] += 1;
        }
        state.outstanding -= votes.len() as u64;
        if state.outstanding == 0 {
            self.done.notify_all();
        }
    }

    /// Ends the wait with an error; the first one stays.
    pub(super) fn fail(&self, error: &EngineError) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.error.get_or_insert_with(|| error.clone());
        self.done.notify_all();
    }

    /// Whether more draws would be of no use.
    pub(super) fn failed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).error.is_some()
    }

    pub(super) fn wait(&self) -> Result<VoteCounts, EngineError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(error) = &state.error {
                return Err(error.clone());
            }
            if state.outstanding == 0 {
                let counts = std::mem::take(&mut state.counts);
                return VoteCounts::new(counts).map_err(|_| EngineError::Stopped);
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
