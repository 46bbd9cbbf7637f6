//! Many inputs at once, results in order.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

/// Applies `work` to every item on `threads` threads and hands the results to
/// `sink` in the items' order, on the calling thread.
///
/// At most `threads` items are under way, and at most a few times that many
/// finished ones wait for an earlier one, however many items there are. A sink
/// that returns an error ends the run: items under way are finished, no further
/// one is started.
///
/// # Errors
/// The sink's first error.
pub fn ordered<T, R, E>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    work: impl Fn(T) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E>
where
    T: Send,
    R: Send,
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
    // Dropped at the first error, which wakes every thread that waits for one.
    let mut permit = Some(permit);
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let done = done.clone();
            let (items, permits, stop, work) = (&items, &permits, &stop, &work);
            scope.spawn(move || {
                loop {
                    let permitted = permits.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    if permitted.is_err() || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let next = items.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, item)) = next else { return };
                    if done.send((index, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut waiting = std::collections::BTreeMap::new();
        let mut turn = 0;
        let mut outcome = Ok(());
        for (index, result) in results {
            waiting.insert(index, result);
            while outcome.is_ok() {
                let Some(result) = waiting.remove(&turn) else { break };
                turn += 1;
                outcome = sink(result);
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
    use super::*;

    #[test]
    fn results_come_in_order_whatever_takes_longest() {
        let mut seen = Vec::new();
        let slow_first = |item: u64| {
            thread::sleep(std::time::Duration::from_millis(if item.is_multiple_of(7) {
                5
            } else {
                0
            }));
            item * 2
        };
        let outcome: Result<(), ()> = ordered(0..100, 4, slow_first, |result| {
            seen.push(result);
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(seen, (0..100).map(|item| item * 2).collect::<Vec<u64>>());
    }

    #[test]
    fn a_failing_sink_ends_the_run_early() {
        let started = std::sync::atomic::AtomicUsize::new(0);
        let work = |item: usize| {
            started.fetch_add(1, Ordering::Relaxed);
            item
        };
        let outcome =
            ordered(0..1_000_000, 3, work, |item| if item == 5 { Err("full") } else { Ok(()) });
        assert_eq!(outcome, Err("full"));
        assert!(started.load(Ordering::Relaxed) < 1000);
    }

    #[test]
    fn an_error_of_a_slow_first_item_ends_threads_that_wait_for_it() {
        let work = |item: usize| {
            thread::sleep(std::time::Duration::from_millis(if item == 0 { 100 } else { 0 }));
            item
        };
        // The others have filled the window long before the first one fails.
        assert_eq!(ordered(0..10_000, 4, work, Err), Err(0));
    }

    #[test]
    fn no_items_are_fine() {
        assert_eq!(ordered(0..0, 2, |item: u8| item, |_| Err(())), Ok(()));
    }
}
