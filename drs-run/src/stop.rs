//! Stopping a run from elsewhere: what is drawn is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::RunError;

/// Asks a run to stop. Clones ask the same run; one that has not begun yet then certifies nothing.
/// One that has ended is left alone.
#[derive(Clone, Default)]
pub struct Stop(Arc<State>);

#[derive(Default)]
struct State {
    asked: AtomicBool,
    /// What ends the run that is under way.
    halt: Mutex<Option<(Halt, End)>>,
}

type Halt = Box<dyn FnOnce(&End) -> Option<Halted> + Send>;

/// What there is to say of a run that had not ended when the patience was over, because something
/// else than its models still runs: an input that is read, a file that is written.
#[derive(Debug)]
pub struct Halted {
    /// That no result holds, if that was found by then.
    pub unsteady: Option<RunError>,
    /// How many votes of inputs under way are kept.
    pub kept: Result<u64, RunError>,
}

impl Stop {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// Asks the run to stop, and waits: up to 14 seconds for the batches that run, then 4 for the
    /// run to end. A run that ended meanwhile has told so itself; else all that is in
    /// the files is right, and the process may be ended. `None` where no run is under way, or it was
    /// asked before.
    ///
    /// Not for a thread that the run waits for, such as one that is [told](crate::Events) something:
    /// it would wait for itself.
    #[must_use]
    pub fn ask(&self) -> Option<Halted> {
        self.0.asked.store(true, Ordering::Relaxed);
        let (halt, end) = self.0.halt().take()?;
        halt(&end)
    }

    /// Tells what ends the run that begins now. The run has ended when the guard is dropped.
    pub(crate) fn ends(
        &self,
        halt: impl FnOnce(&End) -> Option<Halted> + Send + 'static,
    ) -> UnderWay<'_> {
        let end = End::default();
        *self.0.halt() = Some((Box::new(halt), end.clone()));
        UnderWay { stop: self, end }
    }
}

impl State {
    fn halt(&self) -> MutexGuard<'_, Option<(Halt, End)>> {
        self.halt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that has not ended, well or not.
pub(crate) struct UnderWay<'a> {
    stop: &'a Stop,
    end: End,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        // Whoever asks from now on must not stop what others do with the same models.
        drop(self.stop.0.halt().take());
        self.end.comes();
    }
}

/// The end of a run, for whoever waits for it.
#[derive(Clone, Default)]
pub(crate) struct End(Arc<(Mutex<bool>, Condvar)>);

impl End {
    /// The run has ended.
    fn comes(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits for it so long at the most; tells whether it has come.
    pub(crate) fn within(&self, patience: Duration) -> bool {
        let (ended, comes) = &*self.0;
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = comes.wait_timeout_while(ended, patience, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
