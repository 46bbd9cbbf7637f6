//! Stopping before everything is drawn.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::lane::Lane;
use super::{EngineError, Lanes, Shared, State};

/// Stops an engine from anywhere, such as a thread that watches for signals. Does not keep it alive.
#[derive(Clone)]
pub struct Stopper(Weak<Shared>);

impl Stopper {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::downgrade(shared))
    }

    /// Ends all waits for votes with [`EngineError::Stopped`](EngineError::Stopped), for
    /// good.
    ///
    /// Nothing more is begun. Batches that run are finished first, and their votes are counted, as
    /// far as that takes no longer than `patience`. Tells whether all of them were.
    pub fn stop(&self, patience: Duration) -> bool {
        let Some(shared) = self.0.upgrade() else { return true };
        let mut lanes = shared.lock();
        if lanes.state == State::Working {
            lanes.state = State::Stopping;
        }
        shared.work.notify_all();
        let running = |lanes: &mut Lanes| lanes.lanes.iter().any(|lane| lane.running() > 0);
        let waited = shared.work.wait_timeout_while(lanes, patience, running);
        let (mut lanes, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        lanes.end();
        !waited.timed_out()
    }

    /// About how long it takes to finish the batches that run: as long as the longest so far,
    /// where one runs.
    #[must_use]
    pub fn outlook(&self) -> Duration {
        let Some(shared) = self.0.upgrade() else { return Duration::ZERO };
        let lanes = shared.lock();
        let running = lanes.lanes.iter().filter(|lane| lane.running() > 0);
        running.map(Lane::longest).max().unwrap_or_default()
    }

    /// Whether no trial so far has found a model that votes on more than its input.
    ///
    /// # Errors
    /// If one has.
    pub fn steady(&self) -> Result<(), EngineError> {
        let Some(shared) = self.0.upgrade() else { return Ok(()) };
        let models: Vec<_> = shared.lock().lanes.iter().map(Lane::model).collect();
        models.iter().try_for_each(|model| model.steadiness.unbroken())
    }

    /// Waits until nothing runs any more after [`stop`](Self::stop), for `patience` at most, and
    /// tells whether that is so. What still runs must not be torn down.
    #[must_use]
    pub fn ended(&self, patience: Duration) -> bool {
        let Some(shared) = self.0.upgrade() else { return true };
        let busy = |lanes: &mut Lanes| lanes.lanes.iter().any(|lane| lane.busy() > 0);
        let waited = shared.work.wait_timeout_while(shared.lock(), patience, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
