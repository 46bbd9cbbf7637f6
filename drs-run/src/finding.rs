//! The finding that a model's votes depend on more than their own input. Then no result of the run
//! holds, and no later process may continue the run.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use drs_router::RouteError;

use crate::error::RunError;
use crate::journal::Journal;
use crate::paths::Paths;
use crate::whole::{self, remove};

/// Where it is written down.
pub(crate) struct Finding {
    paths: Paths,
    /// The votes that do not hold either.
    journal: Mutex<Weak<Journal>>,
}

impl Finding {
    pub(crate) fn new(paths: &Paths) -> Self {
        Self { paths: paths.clone(), journal: Mutex::default() }
    }

    /// The journal whose votes it would spoil.
    pub(crate) fn spoils(&self, journal: &Arc<Journal>) {
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(journal);
    }

    /// Writes an error down, as far as that can be done.
    pub(crate) fn keep(&self, error: RouteError) -> RunError {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let forgotten = match journal {
            Some(journal) => journal.forget(),
            None => remove(&self.paths.journal),
        };
        let told = self.note(&error.to_string());
        let error = RunError::from(error);
        match forgotten.and(told) {
            Ok(()) => error,
            Err(problem) => error.within(format!("{}, so remember it yourself", problem.in_full())),
        }
    }

    /// Writes down what was found.
    pub(crate) fn note(&self, found: &str) -> Result<(), RunError> {
        let text = format!("{}{found}\n", Paths::UNSTEADY);
        let written = whole::write(&self.paths.unsteady, text);
        // Without a description of the run nothing goes on either.
        written.or_else(|problem| remove(&self.paths.run).and(Err(problem)))
    }
}
