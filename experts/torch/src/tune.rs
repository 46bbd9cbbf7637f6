//! How many inputs to a batch.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drs_plugins_api::{Batch, Context, Error, ErrorKind, Plugin};

use crate::explain::message;

/// The least size that a measurement tries, and the most on CPUs and GPUs.
const LEAST: usize = 8;
const MOST_ON_CPU: usize = 1024;
const MOST_ON_GPU: usize = 16_384;
/// Values of a batch at most, if it is not of the least size: half a gigabyte as 32-bit floats.
const MOST_VALUES: usize = 1 << 27;
/// Time for each size, beyond one warming call on each thread.
const PATIENCE: Duration = Duration::from_millis(300);

/// A size that suits most networks: the working set of a batch stays within the
/// caches of a CPU core, or fills a GPU.
pub(crate) fn default_batch(shape: [usize; 3], gpu: bool) -> usize {
    let values = shape.iter().product::<usize>().max(1);
    let (budget, most) = if gpu { (1 << 23, 1024) } else { (1 << 18, 64) };
    (budget / values).clamp(8, most).next_power_of_two().min(most)
}

/// The fastest size, by calling the expert as the host would: with as many calls at once.
///
/// Larger sizes are tried until two in a row are slower than the best, or the device has no
/// memory for one.
pub(crate) fn measure(expert: &impl Plugin, context: &Context, gpu: bool) -> Result<usize, Error> {
    let (best, tried) = fastest(sizes(context.shape(), gpu), |size| rate(expert, context, size))?;
    context.info(&format!(
        "batch = {best} is fastest here (inputs per second by batch size: {}); write it into the \
         config to spare the measurement",
        tried.join(", ")
    ));
    Ok(best)
}

/// The size of the highest rate, and what was found on the way.
fn fastest(
    sizes: impl Iterator<Item = usize>,
    mut rate: impl FnMut(usize) -> Result<f64, Error>,
) -> Result<(usize, Vec<String>), Error> {
    let (mut best, mut best_rate, mut worse) = (LEAST, 0.0, 0);
    let mut tried = Vec::new();
    for size in sizes {
        let rate = match rate(size) {
            Err(error) if best_rate > 0.0 && lacks_memory(&error) => {
                tried.push(format!("{size}: out of memory"));
                break;
            }
            rate => rate?,
        };
        tried.push(format!("{size}: {rate:.0}"));
        if rate > best_rate {
            (best, best_rate, worse) = (size, rate, 0);
        } else {
            worse += 1;
        }
        if worse == 2 {
            break;
        }
    }
    Ok((best, tried))
}

/// The sizes to try, in rising order.
fn sizes(shape: [usize; 3], gpu: bool) -> impl Iterator<Item = usize> {
    let fit = MOST_VALUES / shape.iter().product::<usize>().max(1);
    let most = if gpu { MOST_ON_GPU } else { MOST_ON_CPU }.min(fit).max(LEAST);
    std::iter::successors(Some(LEAST), |size| Some(2 * size)).take_while(move |&size| size <= most)
}

/// Whether a call failed for want of the device's memory.
fn lacks_memory(error: &Error) -> bool {
    // As CUDA, cuBLAS and cuDNN say it.
    const WORDS: [&str; 4] =
        ["out of memory", "ALLOC_FAILED", "NOT_INITIALIZED", "unable to find an engine"];
    let text = error.to_string();
    WORDS.iter().any(|words| text.contains(words))
}

/// What a panic says: tch panics with libtorch's words.
fn told(panic: &dyn Any) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Error::new(ErrorKind::Other, message(text.unwrap_or("the measurement failed")))
}

/// Inputs per second at one batch size.
fn rate(expert: &impl Plugin, context: &Context, size: usize) -> Result<f64, Error> {
    let shape = context.shape();
    let lattice = vec![0i16; size * shape.iter().product::<usize>()];
    // A panic must not leave the other threads waiting for this one.
    let call = || {
        let batch = Batch::new(&lattice, size, shape, context.levels())?;
        let vote = AssertUnwindSafe(|| expert.vote(&batch, &mut vec![0; size]));
        catch_unwind(vote).unwrap_or_else(|panic| Err(told(&*panic)))
    };
    let threads = match expert.manifest().concurrency {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        limit => limit,
    };
    let (warm, done) = (std::sync::Barrier::new(threads), AtomicU64::new(0));
    let failed = AtomicBool::new(false);
    let work = || {
        let first = call();
        failed.fetch_or(first.is_err(), Ordering::Relaxed);
        warm.wait();
        let start = Instant::now();
        first?;
        while start.elapsed() < PATIENCE && !failed.load(Ordering::Relaxed) {
            call()?;
            done.fetch_add(size as u64, Ordering::Relaxed);
        }
        Ok(start.elapsed())
    };
    let times = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| {
            let died = |_| Error::new(ErrorKind::Other, "the measurement failed");
            worker.join().map_err(died)?
        });
        joined.collect::<Result<Vec<Duration>, Error>>()
    })?;
    let longest = times.into_iter().max().unwrap_or(PATIENCE);
    Ok(done.into_inner() as f64 / longest.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_as_far_as_the_device_and_the_inputs_allow() {
        let last = |shape, gpu| sizes(shape, gpu).last();
        assert_eq!(sizes([3, 32, 32], false).next(), Some(8));
        assert_eq!(last([3, 32, 32], false), Some(1024));
        assert_eq!(last([3, 32, 32], true), Some(16_384));
        assert_eq!(last([3, 224, 224], true), Some(512));
        assert_eq!(last([3, 8192, 8192], true), Some(8));
    }

    #[test]
    fn a_size_without_memory_ends_the_measurement_and_other_failures_are_told() {
        let fails = |kind, text: &'static str, from: usize| {
            let rate = move |size: usize| {
                if size < from { Ok(size as f64) } else { Err(Error::new(kind, text)) }
            };
            fastest(sizes([3, 32, 32], true), rate)
        };
        let memory = "CUDA out of memory. Tried to allocate 20 GiB";
        let (best, tried) = fails(ErrorKind::Device, memory, 64).unwrap();
        assert_eq!((best, tried.last().map(String::as_str)), (32, Some("64: out of memory")));
        // Without memory for the least of them there is nothing to run.
        fails(ErrorKind::Device, memory, 8).unwrap_err();
        fails(ErrorKind::NonFinite, "logit is NaN", 64).unwrap_err();
    }

    #[test]
    fn two_slower_sizes_end_the_measurement() {
        let rates = [1.0, 5.0, 4.0, 6.0, 5.0, 5.5, 100.0];
        let mut rates = rates.into_iter();
        let (best, tried) =
            fastest(sizes([3, 32, 32], true), |_| Ok(rates.next().unwrap())).unwrap();
        assert_eq!((best, tried.len()), (64, 6));
    }

    #[test]
    fn default_batches_shrink_as_inputs_grow() {
        assert_eq!(default_batch([3, 32, 32], false), 64);
        assert_eq!(default_batch([1, 28, 28], false), 64);
        assert_eq!(default_batch([3, 224, 224], false), 8);
        assert_eq!(default_batch([3, 32, 32], true), 1024);
        assert_eq!(default_batch([3, 224, 224], true), 64);
    }
}
