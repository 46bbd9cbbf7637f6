//! Where the outcome of each input goes, in the order of the inputs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use drs_analysis::Record;
use drs_data::DataError;

use crate::error::RunError;
use crate::event::{Event, Events};
use crate::failed::{Failed, Reason};
use crate::files::ResultFiles;
use crate::journal::Journal;

/// Why an input has no result.
pub(crate) enum Failure {
    Unreadable(DataError),
    /// An isolated plugin was lost over it: no reason to give up the others.
    Lost(RunError),
    /// The run was stopped.
    Stopped,
    Other(RunError),
}

pub(crate) struct Sink<'a> {
    pub(crate) files: ResultFiles,
    pub(crate) journal: &'a Journal,
    pub(crate) failed: Failed,
    pub(crate) events: &'a dyn Events,
    /// Inputs with a result, for whoever asks.
    pub(crate) written: Arc<AtomicUsize>,
    /// Inputs of which nothing came yet, for good or bad.
    pub(crate) open: usize,
}

impl Sink<'_> {
    pub(crate) fn take(
        &mut self,
        index: usize,
        outcome: Result<Record<'_>, Failure>,
    ) -> Result<(), RunError> {
        let (reason, error) = match outcome {
            Ok(record) => {
                self.files.write(&record)?;
                self.journal.done(index);
                self.failed.remove(index);
                self.written.fetch_add(1, Ordering::Relaxed);
                self.events.tell(Event::Done(&record));
                self.open -= 1;
                return Ok(());
            }
            Err(Failure::Stopped) => return Ok(()),
            Err(Failure::Other(error)) => return Err(error),
            Err(Failure::Unreadable(error)) => {
                (Reason::Unreadable, format!("input {index}: {error}"))
            }
            Err(Failure::Lost(error)) => (Reason::PluginLost, error.in_full()),
        };
        self.events.tell(Event::Failed(&error));
        self.failed.add(index, reason, error);
        self.open -= 1;
        Ok(())
    }
}
