//! What a run tells, shown to people.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use drs_progress::say;
use drs_router::Router;
use drs_run::{Event, Events};

use super::progress::Progress;

/// How many failures are told of one by one.
const TOLD: usize = 10;

#[derive(Default)]
pub(super) struct Teller {
    /// Once work has begun.
    progress: Mutex<Option<Progress>>,
    /// Failures that were told of.
    failures: AtomicUsize,
}

impl Teller {
    fn progress(&self) -> MutexGuard<'_, Option<Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the bar and prints the summary of the run.
    pub(super) fn finish(&self, router: &Router, method: &str) {
        if let Some(progress) = self.progress().take() {
            progress.finish(router, method);
        }
    }

    fn say(&self, line: &str) {
        match &*self.progress() {
            Some(progress) => progress.say(line),
            None => say!("{line}"),
        }
    }
}

impl Events for Teller {
    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Begun { inputs, done } => {
                *self.progress() = Some(Progress::start(inputs, *done));
            }
            Event::Done(record) => {
                if let Some(progress) = &mut *self.progress() {
                    progress.add(record);
                }
            }
            Event::Rested => {
                if let Some(progress) = &mut *self.progress() {
                    progress.rest();
                }
            }
            Event::Failed(_) if self.failures.fetch_add(1, Ordering::Relaxed) >= TOLD => {}
            // Nobody waits for the bar when it is time to stop.
            Event::Stopping { .. } | Event::BatchGivenUp { .. } => say!("{event}"),
            _ => self.say(&event.to_string()),
        }
    }
}
