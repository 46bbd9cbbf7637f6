//! Many inputs at once, results in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use crate::panicked::{Panicked, caught};
use crate::scarce::{NoThread, start_scoped};

/// Applies `work` to every item on `threads` threads and hands the results to
/// `sink` in the items' order, on the calling thread.
///
/// At most `threads` items are under way, and at most a few times that many
/// finished ones wait for an earlier one, however many items there are. A sink
/// that returns an error ends the run: items under way are finished, no further
/// one is started. So does a panic of `work`, of `sink` or of the items' iterator.
///
/// # Errors
/// The sink's first error; [`Panicked`]; [`NoThread`] if there cannot be so many.
pub fn ordered<T, R, E>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    work: impl Fn(T) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E>
where
    T: Send,
    R: Send,
    E: From<Panicked> + From<NoThread>,
{
    let items = Mutex::new(items.enumerate());
    let stop = AtomicBool::new(false);
    let window = 4 * threads.max(1);
    // A permit for each item that is under way or waits for its turn.
    let (permit, permits) = mpsc::sync_channel::<()>(window);
    for _ in 0..window {
        let _ = permit.try_send(());
    }
    let permits = Mutex::new(permits);
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        // Dropped at the first error, however this ends: it wakes every thread that waits for one.
        let mut permit = Some(permit);
        for _ in 0..threads.max(1) {
            let done = done.clone();
            let (items, permits, stop, work) = (&items, &permits, &stop, &work);
            let run = move || {
                loop {
                    let permitted = permits.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    if permitted.is_err() || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let outcome = match caught(next) {
                        Ok(None) => return,
                        Ok(Some((index, item))) => caught(|| (index, work(item))),
                        Err(panicked) => Err(panicked),
                    };
                    let failed = outcome.is_err();
                    if done.send(outcome).is_err() || failed {
                        return;
                    }
                }
            };
            if let Err(error) = start_scoped(scope, "input", run) {
                stop.store(true, Ordering::Relaxed);
                return Err(error.into());
            }
        }
        drop(done);
        let mut waiting = BTreeMap::new();
        let mut turn = 0;
        let mut outcome = Ok(());
        for result in results {
            match result {
                Ok((index, result)) => {
                    waiting.insert(index, result);
                }
                Err(panicked) => outcome = outcome.and(Err(panicked.into())),
            }
            while outcome.is_ok() {
                let Some(result) = waiting.remove(&turn) else { break };
                turn += 1;
                outcome = caught(|| sink(result)).unwrap_or_else(|panicked| Err(panicked.into()));
                if let Some(permit) = &permit {
                    let _ = permit.try_send(());
                }
            }
            if outcome.is_err() {
                stop.store(true, Ordering::Relaxed);
                permit = None;
            }
        }
        outcome
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    #[derive(Debug, PartialEq)]
    enum Failure {
        Panicked(String),
        NoThread,
        Item(usize),
    }

    impl From<Panicked> for Failure {
        fn from(panicked: Panicked) -> Self {
            Self::Panicked(panicked.to_string())
        }
    }

    impl From<NoThread> for Failure {
        fn from(_: NoThread) -> Self {
            Self::NoThread
        }
    }

    /// The first of each takes its time.
    fn slow(item: usize) -> usize {
        thread::sleep(Duration::from_millis(if item.is_multiple_of(7) { 5 } else { 0 }));
        item
    }

    #[test]
    fn results_come_in_order_whatever_takes_longest() {
        let mut seen = Vec::new();
        let outcome: Result<(), Failure> = ordered(
            0..100,
            4,
            |item| 2 * slow(item),
            |result| {
                seen.push(result);
                Ok(())
            },
        );
        assert_eq!(outcome, Ok(()));
        assert_eq!(seen, (0..100).map(|item| item * 2).collect::<Vec<usize>>());
    }

    #[test]
    fn a_failing_sink_ends_the_run_early() {
        let started = AtomicUsize::new(0);
        let work = |item: usize| {
            started.fetch_add(1, Ordering::Relaxed);
            item
        };
        let sink = |item| if item == 5 { Err(Failure::Item(item)) } else { Ok(()) };
        assert_eq!(ordered(0..1_000_000, 3, work, sink), Err(Failure::Item(5)));
        assert!(started.load(Ordering::Relaxed) < 1000);
    }

    #[test]
    fn an_error_of_a_slow_first_item_ends_threads_that_wait_for_it() {
        let work = |item: usize| {
            thread::sleep(Duration::from_millis(if item == 0 { 100 } else { 0 }));
            item
        };
        // The others have filled the window long before the first one fails.
        let sink = |item| Err(Failure::Item(item));
        assert_eq!(ordered(0..10_000, 4, work, sink), Err(Failure::Item(0)));
    }

    /// Every other thread waits for the item that is never finished.
    #[test]
    fn a_panic_anywhere_ends_the_run_and_is_told() {
        let told = |outcome: Result<(), Failure>, word: &str| match outcome {
            Err(Failure::Panicked(text)) => assert!(text.contains(word), "{text}"),
            other => panic!("{other:?}"),
        };
        let work = |item: usize| if item == 3 { panic!("in work") } else { slow(item) };
        told(ordered(0..10_000, 4, work, |_| Ok(())), "in work");
        let sink = |item: usize| if item == 3 { panic!("in sink") } else { Ok(()) };
        told(ordered(0..10_000, 4, slow, sink), "in sink");
        let items = (0..10_000).inspect(|&item| assert!(item != 3, "in items"));
        told(ordered(items, 4, slow, |_| Ok(())), "in items");
    }

    #[test]
    fn what_came_before_a_panic_is_not_lost() {
        let mut seen = 0;
        let work = |item: usize| {
            assert!(item != 50, "at last");
            item
        };
        let sink = |_| {
            seen += 1;
            Ok::<_, Failure>(())
        };
        assert!(ordered(0..10_000, 1, work, sink).is_err());
        assert_eq!(seen, 50);
    }

    #[test]
    fn no_items_are_fine() {
        let sink = |item: u8| Err(Failure::Item(item.into()));
        assert_eq!(ordered(0..0, 2, |item: u8| item, sink), Ok(()));
    }
}
