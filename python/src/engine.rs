//! The engine of a pool: opened when it is first needed, stopped when nobody needs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{JoinHandle, available_parallelism};
use std::time::{Duration, Instant};

use drs_router::{Config, OpenError, Options, Program, Router, start_thread};
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::callable::with_kept;
use crate::{runtime_error, value_error, wait};

/// How long a stopped engine may take for the batches that run, and then its threads to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon it is looked whether they have.
const TURN: Duration = Duration::from_millis(2);

/// Those that may have threads in the interpreter.
static ALL: Mutex<Vec<Weak<Parts>>> = Mutex::new(Vec::new());

/// Threads that stop engines which nobody holds any more.
static CLOSING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Stops all engines: before the interpreter ends, which their threads need.
#[pyfunction]
pub(crate) fn close_all(py: Python<'_>) {
    py.detach(|| {
        let all = std::mem::take(&mut *held(&ALL));
        all.iter().filter_map(Weak::upgrade).for_each(|parts| parts.stop());
        let closing = std::mem::take(&mut *held(&CLOSING));
        end(closing);
    });
}

/// A pool's configuration, and its engine while there is one.
///
/// An interrupt stops the engine, and the next question opens another.
pub(crate) struct Engine {
    pub(crate) config: Config,
    /// What the pool keeps for it.
    kept: Option<Py<PyWeakrefReference>>,
    options: Options,
    parts: Arc<Parts>,
    /// The process that it was made in: threads do not survive a fork.
    process: u32,
}

/// What runs.
#[derive(Default)]
struct Parts {
    router: Mutex<Option<Arc<Router>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Of the answers under way: set when the pool is closed, and anew for the next.
    closed: Mutex<Arc<AtomicBool>>,
    /// Whether somebody opens it. Who comes meanwhile waits with an ear for Ctrl-C.
    opening: AtomicBool,
}

/// Why there is no engine.
pub(crate) enum NoEngine {
    Open(OpenError),
    Python(PyErr),
}

impl From<PyErr> for NoEngine {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<NoEngine> for PyErr {
    fn from(error: NoEngine) -> Self {
        match error {
            NoEngine::Open(error) => runtime_error(error),
            NoEngine::Python(error) => error,
        }
    }
}

impl Engine {
    pub(crate) fn new(
        config: Config,
        kept: Option<Py<PyWeakrefReference>>,
        threads: Option<usize>,
        batch: Option<usize>,
        isolate: bool,
    ) -> PyResult<Arc<Self>> {
        for (name, found) in [("threads", threads), ("batch", batch)] {
            if found == Some(0) {
                return Err(value_error(format!("{name} = 0 found, expected at least 1")));
            }
        }
        let threads = threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
        let options =
            Options { batch, isolate, worker: Program::this().ok(), ..Options::new(threads) };
        let (parts, process) = (Arc::<Parts>::default(), std::process::id());
        let mut all = held(&ALL);
        all.retain(|parts| parts.strong_count() > 0);
        all.push(Arc::downgrade(&parts));
        Ok(Arc::new(Self { config, kept, options, parts, process }))
    }

    /// The engine, opened if need be.
    pub(crate) fn router(&self, py: Python<'_>) -> Result<Arc<Router>, NoEngine> {
        if std::process::id() != self.process {
            return Err(runtime_error(
                "this pool was made before the process forked, and threads do not survive that: make it anew in the child, or start workers with multiprocessing's \"spawn\"",
            )
            .into());
        }
        let opening = &self.parts.opening;
        while opening.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire).is_err() {
            py.detach(|| std::thread::sleep(TURN));
            py.check_signals()?;
        }
        let there = held(&self.parts.router).clone();
        if let Some(router) = there {
            opening.store(false, Ordering::Release);
            return Ok(router);
        }
        let kept = self.kept.as_ref().and_then(|kept| kept.bind(py).upgrade()).map(Bound::unbind);
        let (parts, config, options) =
            (Arc::clone(&self.parts), self.config.clone(), self.options.clone());
        let (send, opened) = std::sync::mpsc::sync_channel(1);
        // On a thread of its own: on the caller's, Ctrl-C would be raised in the callables.
        let open = move || {
            let opened = with_kept(kept, || Router::open(&config, &options));
            let opened = opened.map(Arc::new);
            *held(&parts.router) = opened.as_ref().ok().cloned();
            parts.opening.store(false, Ordering::Release);
            // Whoever was interrupted listens no more.
            let _ = send.send(opened);
        };
        match start_thread("open", open) {
            Ok(thread) => self.keep(thread),
            Err(error) => {
                opening.store(false, Ordering::Release);
                return Err(runtime_error(error).into());
            }
        }
        let opened = wait::next(py, &Mutex::new(opened))?;
        opened.ok_or_else(|| runtime_error("opening the pool failed"))?.map_err(NoEngine::Open)
    }

    /// What is set when the pool is closed.
    pub(crate) fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&held(&self.parts.closed))
    }

    /// A thread that answers: it has ended before the engine is gone.
    pub(crate) fn keep(&self, thread: JoinHandle<()>) {
        let mut threads = held(&self.parts.threads);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    /// Stops the engine, if there is one.
    pub(crate) fn halt(&self, py: Python<'_>) {
        if std::process::id() == self.process {
            py.detach(|| self.parts.stop());
        }
    }
}

impl Parts {
    /// Stops the engine, and waits for all threads that may be in the interpreter. Not for one that
    /// holds it.
    fn stop(&self) {
        std::mem::take(&mut *held(&self.closed)).store(true, Ordering::Relaxed);
        let router = held(&self.router).take();
        if let Some(router) = &router {
            let _ = router.stopper().stop(PATIENCE);
        }
        end(std::mem::take(&mut *held(&self.threads)));
        // One that was being opened meanwhile.
        let late = held(&self.router).take();
        if let Some(late) = &late {
            let _ = late.stopper().stop(PATIENCE);
        }
        for router in [router, late].into_iter().flatten() {
            Self::let_go(router);
        }
    }

    /// A callable that takes longer is given up: nothing is torn down under it.
    fn let_go(router: Arc<Router>) {
        if !router.stopper().ended(PATIENCE) {
            std::mem::forget(router);
        }
    }
}

/// Waits for threads to end. One that waits for something of the user's is given up.
fn end(threads: Vec<JoinHandle<()>>) {
    let until = Instant::now() + PATIENCE;
    while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
        std::thread::sleep(TURN);
    }
    for thread in threads.into_iter().filter(JoinHandle::is_finished) {
        // One that panicked has told whoever listened.
        let _ = thread.join();
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            // Its threads are the parent's.
            std::mem::forget(held(&self.parts.router).take());
            return;
        }
        // Elsewhere: this thread may be one of its own, and it holds the interpreter, which those
        // may wait for.
        let parts = Arc::clone(&self.parts);
        if let Ok(thread) = start_thread("close", move || parts.stop()) {
            let mut closing = held(&CLOSING);
            closing.retain(|thread| !thread.is_finished());
            closing.push(thread);
        }
    }
}
