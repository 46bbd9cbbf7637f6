//! The machine's time, shared out among what runs at once.
//!
//! While n workers are busy, each second counts 1/n of a second for each of their tasks. So
//! what all tasks take adds up to the time in which the machine was busy, however many
//! workers there are and however many calls a model allows at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(super) struct Clock(Mutex<State>);

struct State {
    /// Tasks that run now.
    tasks: u32,
    /// Seconds that a task has been given which runs from the start on.
    given: f64,
    /// When that was counted.
    at: Instant,
}

impl State {
    fn advance(&mut self, now: Instant) {
        if self.tasks > 0 {
            self.given += now.duration_since(self.at).as_secs_f64() / f64::from(self.tasks);
        }
        self.at = now;
    }
}

impl Clock {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { tasks: 0, given: 0.0, at: Instant::now() }))
    }

    /// Starts a task.
    pub(super) fn start(&self) -> Task<'_> {
        let mut state = self.lock();
        state.advance(Instant::now());
        state.tasks += 1;
        Task { clock: self, from: state.given }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between its changes can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task under way. Ends when it is dropped, too.
pub(super) struct Task<'c> {
    clock: &'c Clock,
    from: f64,
}

impl Task<'_> {
    /// Ends it; returns its share of the machine in seconds.
    pub(super) fn end(self) -> f64 {
        let mut state = self.clock.lock();
        state.advance(Instant::now());
        state.given - self.from
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        let mut state = self.clock.lock();
        state.advance(Instant::now());
        state.tasks -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_is_shared_by_those_who_run() {
        let mut state = State { tasks: 1, given: 0.0, at: Instant::now() };
        let start = state.at;
        let second = |n: u64| start + Duration::from_secs(n);
        state.advance(second(3));
        assert_eq!(state.given, 3.0);
        state.tasks = 2;
        state.advance(second(5));
        assert_eq!(state.given, 4.0);
        state.tasks = 0;
        state.advance(second(100));
        assert_eq!(state.given, 4.0);
        state.tasks = 4;
        state.advance(second(104));
        assert_eq!(state.given, 5.0);
    }

    #[test]
    fn what_all_tasks_take_is_the_time_that_passes() {
        let clock = Clock::new();
        let begun = Instant::now();
        let tasks: Vec<Task<'_>> = (0..3).map(|_| clock.start()).collect();
        std::thread::sleep(Duration::from_millis(20));
        let taken: f64 = tasks.into_iter().map(Task::end).sum();
        let passed = begun.elapsed().as_secs_f64();
        assert!(taken <= passed && taken > 0.015, "{taken} of {passed}");
        // One that was dropped takes no more.
        drop(clock.start());
        assert_eq!(clock.lock().tasks, 0);
    }
}
