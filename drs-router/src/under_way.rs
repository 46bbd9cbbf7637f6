//! The votes of an input that is being certified. They are kept if the input is not finished.

use std::sync::{Arc, Mutex, PoisonError};

use crate::drawn::Drawn;
use crate::engine::Ticket;

/// The votes of one input: those that were drawn before, and those that come while it is
/// [asked about](crate::Router::ask_from).
///
/// May be looked at from other threads, at any time.
#[derive(Default)]
pub struct UnderWay {
    before: Drawn,
    /// What is being drawn, by the address of its stage.
    tickets: Mutex<Vec<(String, Arc<Ticket>)>>,
}

impl UnderWay {
    /// Goes on from these votes, which are not drawn again. They must be of the same models, input
    /// and seed; those that the method does not ask for change nothing.
    #[must_use]
    pub fn from(before: Drawn) -> Self {
        Self { before, tickets: Mutex::default() }
    }

    pub(crate) fn before(&self) -> &Drawn {
        &self.before
    }

    pub(crate) fn watch(&self, address: String, ticket: Arc<Ticket>) {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner).push((address, ticket));
    }

    /// All votes that are there by now.
    #[must_use]
    pub fn drawn(&self) -> Drawn {
        let mut drawn = Drawn::default();
        for (address, ticket) in &*self.tickets.lock().unwrap_or_else(PoisonError::into_inner) {
            ticket.drawn().into_iter().for_each(|run| drawn.add(address, run));
        }
        // What was not asked for again, so far, is not lost.
        for (address, runs) in self.before.stages() {
            runs.iter().for_each(|run| drawn.add(address, run.clone()));
        }
        drawn
    }
}
