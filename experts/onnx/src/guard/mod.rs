//! rten at arm's length: what it does is done on threads that may be given up.
//!
//! A graph can ask for any amount of memory and time, and rten cannot be interrupted. Its work is
//! done on a thread of its own for each thread that asks. Where one takes more than it may
//! have, it is left behind (a leak, of what it had), and an error says so.
//!
//! * `meter.rs`: how memory is counted.

mod meter;

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rten::ThreadPool;

use meter::Meter;

/// How often it is looked whether a thread was stopped.
const GLANCE: Duration = Duration::from_millis(20);

/// rten follows a graph from node to node by functions that call themselves, at some hundred
/// bytes for each. Memory that is not touched is not taken.
const STACK: usize = 64 << 20;

/// What a job may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of memory beside what was in use when it began.
    pub(crate) memory: u64,
    /// How long it may take; without end by default.
    pub(crate) time: Option<Duration>,
}

/// Why a job has no result.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It would have had so many bytes in use.
    Memory(u64),
    Time(Duration),
    /// The system gives no thread.
    NoThread(std::io::Error),
    /// It panicked, with these words.
    Panic(String),
    /// An earlier job was stopped, and rten's threads with it.
    Before,
}

type Job = Box<dyn FnOnce(&Arc<ThreadPool>) + Send>;

/// A thread for rten's work, with rten's own pool of one: the host runs several batches at once,
/// which is faster than several threads on one small batch.
struct Worker {
    jobs: mpsc::Sender<Job>,
    meter: &'static Meter,
}

impl Worker {
    fn start() -> std::io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let meter = Meter::leaked();
        let work = move || {
            let pool = Arc::new(ThreadPool::with_num_threads(1));
            Meter::set(Some(meter));
            pool.run(|| Meter::set(Some(meter)));
            waiting.into_iter().for_each(|job| job(&pool));
        };
        thread::Builder::new().name("onnx".to_owned()).stack_size(STACK).spawn(work)?;
        Ok(Self { jobs, meter })
    }
}

/// Does a job on the worker of the calling thread.
pub(crate) fn run<T: Send + 'static>(
    limits: Limits,
    job: impl FnOnce(&Arc<ThreadPool>) -> T + Send + 'static,
) -> Result<T, Stopped> {
    thread_local! {
        static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
    }
    let worker = WORKER.with_borrow_mut(Option::take);
    let worker = worker.map_or_else(Worker::start, Ok).map_err(Stopped::NoThread)?;
    let result = worker.run(limits, job)?;
    // One that was stopped is not used again.
    WORKER.set(Some(worker));
    result.map_err(|panic| Stopped::Panic(words(&*panic)))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without words").to_owned()
}

/// Does a job that rten does in part on its threads for the whole process, such as to load a
/// model: one at a time, and these threads count meanwhile.
pub(crate) fn run_alone<T: Send + 'static>(
    limits: Limits,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Stopped> {
    static ONE: Mutex<()> = Mutex::new(());
    static LOST: AtomicBool = AtomicBool::new(false);
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if LOST.load(Ordering::Relaxed) {
        return Err(Stopped::Before);
    }
    let result = run(limits, |_| {
        let meter = Meter::own();
        on_all(|| Meter::set(meter));
        let result = catch_unwind(AssertUnwindSafe(job));
        on_all(|| Meter::set(None));
        result
    });
    if matches!(result, Err(Stopped::Memory(_) | Stopped::Time(_))) {
        LOST.store(true, Ordering::Relaxed);
    }
    result?.map_err(|panic| Stopped::Panic(words(&*panic)))
}

/// On each of rten's threads.
fn on_all(job: impl Fn() + Sync) {
    rten::thread_pool().run(|| drop(rayon::broadcast(|_| job())));
}

impl Worker {
    fn run<T: Send + 'static>(
        &self,
        limits: Limits,
        job: impl FnOnce(&Arc<ThreadPool>) -> T + Send + 'static,
    ) -> Result<Result<T, Box<dyn Any + Send>>, Stopped> {
        let (answer, answers) = mpsc::sync_channel(1);
        let meter = self.meter;
        let job = move |pool: &Arc<ThreadPool>| {
            meter.begin(limits.memory);
            let result = catch_unwind(AssertUnwindSafe(|| job(pool)));
            // Nobody waits any more for what took too long.
            let _ = answer.send(result);
        };
        let start = Instant::now();
        let gone = || Stopped::NoThread(std::io::Error::other("the thread ended"));
        self.jobs.send(Box::new(job)).map_err(|_| gone())?;
        loop {
            match answers.recv_timeout(GLANCE) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(wanted) = meter.wanted() {
                return Err(Stopped::Memory(wanted));
            }
            if let Some(time) = limits.time.filter(|time| start.elapsed() > *time) {
                return Err(Stopped::Time(time));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits { memory: 1 << 20, time: None };

    fn memory_of(job: impl FnOnce() -> usize + Send + 'static) -> Option<u64> {
        match run(SMALL, |_| job()) {
            Err(Stopped::Memory(wanted)) => Some(wanted),
            Err(other) => panic!("{other:?}"),
            Ok(_) => None,
        }
    }

    #[test]
    fn a_job_that_asks_for_too_much_is_given_up_and_the_next_one_runs() {
        assert_eq!(memory_of(|| vec![1u8; 1000].len()), None);
        // More than any system has: it is never asked.
        assert!(memory_of(|| Vec::<u8>::with_capacity(1 << 62).len()).unwrap() >= 1 << 62);
        assert!(memory_of(|| vec![0u8; 2 << 20].len()).is_some(), "zeroed");
        assert!(memory_of(|| (0..1 << 22).collect::<Vec<u32>>().len()).is_some(), "grown");
        let many = || (0..40).map(|_| vec![1u8; 1 << 16]).collect::<Vec<_>>().len();
        assert!(memory_of(many).is_some(), "piece by piece");
        // What was given back does not count, and each job begins anew.
        for _ in 0..4 {
            assert_eq!(memory_of(|| (0..100).map(|_| vec![1u8; 1 << 18].len()).sum()), None);
        }
    }

    #[test]
    fn what_rten_s_pool_takes_counts_too() {
        let result = run(SMALL, |pool| pool.run(|| vec![1u8; 2 << 20].len()));
        assert!(matches!(result, Err(Stopped::Memory(_))), "{result:?}");
    }

    #[test]
    fn a_job_without_end_is_given_up() {
        let limits = Limits { memory: 1 << 20, time: Some(Duration::from_millis(50)) };
        let result = run(limits, |_| {
            loop {
                thread::sleep(Duration::from_millis(1));
            }
        });
        let result: Result<(), _> = result;
        assert!(matches!(result, Err(Stopped::Time(_))), "{result:?}");
    }

    #[test]
    fn a_panic_is_told() {
        // With RUST_BACKTRACE a panic takes tens of megabytes.
        let large = || Limits { memory: 1 << 30, time: None };
        let result: Result<(), _> = run(large(), |_| panic!("a {}", "bug"));
        assert!(matches!(&result, Err(Stopped::Panic(words)) if words == "a bug"), "{result:?}");
        assert!(matches!(run(large(), |_| 1), Ok(1)));
    }
}
