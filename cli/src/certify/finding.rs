//! That a model votes on more than its input: then no result of the run holds, and no later
//! process may go on as if nothing had been found.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use drs_router::RouteError;

use super::journal::Journal;
use super::paths::Paths;
use crate::whole::{self, remove};

/// Where it is written down.
pub(super) struct Finding {
    paths: Paths,
    /// The votes that do not hold either.
    journal: Mutex<Weak<Journal>>,
}

impl Finding {
    pub(super) fn new(paths: &Paths) -> Self {
        Self { paths: paths.clone(), journal: Mutex::default() }
    }

    /// The journal whose votes it would spoil.
    pub(super) fn spoils(&self, journal: &Arc<Journal>) {
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(journal);
    }

    /// Writes an error down, as far as that can be done.
    pub(super) fn keep(&self, error: RouteError) -> anyhow::Error {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let forgotten = match journal {
            Some(journal) => journal.forget(),
            None => remove(&self.paths.journal),
        };
        let told = self.note(&error.to_string());
        let error = anyhow::Error::from(error);
        match forgotten.and(told) {
            Ok(()) => error,
            Err(problem) => error.context(format!("{problem:#}, so remember it yourself")),
        }
    }

    /// Writes down what was found.
    pub(super) fn note(&self, found: &str) -> anyhow::Result<()> {
        let text = format!("{}{found}\n", Paths::UNSTEADY);
        let written = whole::write(&self.paths.unsteady, text);
        // Without a description of the run nothing goes on either.
        written.or_else(|problem| remove(&self.paths.run).and(Err(problem)))
    }
}
