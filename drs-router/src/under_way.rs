//! The votes of an input that is being certified. They are kept if the input is not finished.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drs_core::certificate::Verdict;

use crate::drawn::Drawn;
use crate::engine::{EngineError, Ticket};

/// The votes of one input: those that were drawn before, and those that come while it is
/// [asked about](crate::Router::ask_from).
///
/// May be looked at from other threads, at any time.
#[derive(Default)]
pub struct UnderWay {
    before: Drawn,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is being drawn, by the address of its stage.
    tickets: Vec<(String, Arc<Ticket>)>,
    /// What is certified so far.
    verdict: Option<Verdict>,
    is_ended: bool,
}

impl UnderWay {
    /// Goes on from these votes, which are not drawn again. They must be of the same models, input
    /// and seed; those that the method does not ask for change nothing.
    #[must_use]
    pub fn from(before: Drawn) -> Self {
        Self { before, ..Self::default() }
    }

    pub(crate) fn before(&self) -> &Drawn {
        &self.before
    }

    pub(crate) fn watch(&self, address: String, ticket: Arc<Ticket>) {
        let mut state = self.state();
        if state.is_ended {
            ticket.fail(&EngineError::TimeUp);
        }
        state.tickets.push((address, ticket));
    }

    pub(crate) fn judged(&self, so_far: &Verdict) {
        self.state().verdict = Some(so_far.clone());
    }

    /// Ends the time for this input: nothing more is begun for it, and its answer is made of the
    /// votes that are there. Without a class that was chosen there is none, but
    /// [`EngineError::TimeUp`].
    pub fn end(&self) {
        let mut state = self.state();
        state.is_ended = true;
        state.tickets.iter().for_each(|(_, ticket)| ticket.fail(&EngineError::TimeUp));
    }

    /// What the votes so far certify; `None` before any class was chosen.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.state().verdict.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All votes that are there by now.
    #[must_use]
    pub fn drawn(&self) -> Drawn {
        let mut drawn = Drawn::default();
        for (address, ticket) in &self.state().tickets {
            ticket.drawn().into_iter().for_each(|run| drawn.add(address, run));
        }
        // What was not asked for again, so far, is not lost.
        for (address, runs) in self.before.stages() {
            runs.iter().for_each(|run| drawn.add(address, run.clone()));
        }
        drawn
    }
}
