//! How many inputs to a batch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drs_plugins_api::{Batch, Context, Error, Plugin};

/// Sizes that a measurement tries, in rising order.
const CANDIDATES: [usize; 8] = [8, 16, 32, 64, 128, 256, 512, 1024];
/// Time for each size, beyond one warming call on each thread.
const PATIENCE: Duration = Duration::from_millis(300);

/// A size that suits most networks: the working set of a batch stays within the
/// caches of a CPU core, or fills a GPU.
pub(crate) fn default_batch(shape: [usize; 3], gpu: bool) -> usize {
    let values = shape.iter().product::<usize>().max(1);
    let (budget, most) = if gpu { (1 << 23, 1024) } else { (1 << 18, 64) };
    (budget / values).clamp(8, most).next_power_of_two().min(most)
}

/// The fastest size, by calling the expert as the host would: from all cores.
///
/// Larger sizes are tried until two in a row are slower than the best.
pub(crate) fn measure(expert: &impl Plugin, context: &Context) -> Result<usize, Error> {
    let (mut best, mut best_rate, mut worse) = (CANDIDATES[0], 0.0, 0);
    let mut tried = Vec::new();
    for size in CANDIDATES {
        let rate = rate(expert, context, size)?;
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
    context.info(&format!(
        "batch = {best} is fastest here (inputs per second by batch size: {}); write it into the \
         config to spare the measurement",
        tried.join(", ")
    ));
    Ok(best)
}

/// Inputs per second at one batch size.
fn rate(expert: &impl Plugin, context: &Context, size: usize) -> Result<f64, Error> {
    let shape = context.shape();
    let lattice = vec![0i16; size * shape.iter().product::<usize>()];
    let call = || {
        let batch = Batch::new(&lattice, size, shape, context.levels())?;
        expert.vote(&batch, &mut vec![0; size])
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
            let died = |_| Error::new(drs_plugins_api::ErrorKind::Other, "the measurement failed");
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
    fn default_batches_shrink_as_inputs_grow() {
        assert_eq!(default_batch([3, 32, 32], false), 64);
        assert_eq!(default_batch([1, 28, 28], false), 64);
        assert_eq!(default_batch([3, 224, 224], false), 8);
        assert_eq!(default_batch([3, 32, 32], true), 1024);
        assert_eq!(default_batch([3, 224, 224], true), 64);
    }
}
