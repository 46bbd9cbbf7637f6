//! The engine of a pool: opened when it is first needed, stopped when nobody needs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{JoinHandle, available_parallelism};
use std::time::Duration;

use drs_router::{Config, Options, Program, Router};
use pyo3::prelude::*;

use crate::callable::with_callables;
use crate::{runtime_error, value_error, wait};

/// How long a stopped engine may take for the batches that run.
const PATIENCE: Duration = Duration::from_secs(10);

/// Those that may have threads in the interpreter.
static ALL: Mutex<Vec<Weak<Engine>>> = Mutex::new(Vec::new());

/// Stops all engines: before the interpreter ends, which their threads need.
#[pyfunction]
pub(crate) fn close_all(py: Python<'_>) {
    let all = std::mem::take(&mut *ALL.lock().unwrap_or_else(PoisonError::into_inner));
    all.iter().filter_map(Weak::upgrade).for_each(|engine| engine.halt(py));
}

/// A pool's configuration, and its engine while there is one.
///
/// An interrupt stops the engine, and the next question opens another.
pub(crate) struct Engine {
    pub(crate) config: Config,
    callables: Vec<Py<PyAny>>,
    options: Options,
    router: Arc<Mutex<Option<Arc<Router>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Of the answers under way: set when the pool is closed, and anew for the next.
    closed: Mutex<Arc<AtomicBool>>,
    /// The process that it was made in: threads do not survive a fork.
    process: u32,
}

impl Engine {
    pub(crate) fn new(
        config: Config,
        callables: Vec<Py<PyAny>>,
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
        let process = std::process::id();
        let engine = Arc::new(Self {
            config,
            callables,
            options,
            router: Arc::default(),
            threads: Mutex::default(),
            closed: Mutex::default(),
            process,
        });
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|engine| engine.strong_count() > 0);
        all.push(Arc::downgrade(&engine));
        Ok(engine)
    }

    /// The engine, opened if need be.
    pub(crate) fn router(&self, py: Python<'_>) -> PyResult<Arc<Router>> {
        if std::process::id() != self.process {
            return Err(runtime_error(
                "this pool was made before the process forked, and threads do not survive that: make it anew in the child, or start workers with multiprocessing's \"spawn\"",
            ));
        }
        let open = py.detach(|| locked(&self.router).clone());
        if let Some(router) = open {
            return Ok(router);
        }
        let callables: Vec<Py<PyAny>> =
            self.callables.iter().map(|callable| callable.clone_ref(py)).collect();
        let (place, config, options) =
            (Arc::clone(&self.router), self.config.clone(), self.options.clone());
        let (send, opened) = std::sync::mpsc::sync_channel(1);
        // On a thread of its own: on the caller's, Ctrl-C would be raised in the callables.
        let open = move || {
            let mut router = locked(&place);
            let opened = match &*router {
                Some(router) => Ok(Arc::clone(router)),
                None => with_callables(callables, || Router::open(&config, &options)).map(Arc::new),
            };
            *router = opened.as_ref().ok().cloned();
            drop(router);
            // Whoever was interrupted listens no more.
            let _ = send.send(opened);
        };
        self.keep(drs_router::start_thread("open", open).map_err(runtime_error)?);
        let opened = wait::next(py, &Mutex::new(opened))?;
        opened.ok_or_else(|| runtime_error("opening the pool failed"))?.map_err(runtime_error)
    }

    /// What is set when the pool is closed.
    pub(crate) fn closed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.closed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A thread that answers: it has ended before the engine is gone.
    pub(crate) fn keep(&self, thread: JoinHandle<()>) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    /// Stops the engine, if there is one.
    pub(crate) fn halt(&self, py: Python<'_>) {
        if std::process::id() == self.process {
            py.detach(|| self.stop());
        }
    }

    /// Stops the engine and waits for all threads that may be in the interpreter. Not for one that
    /// holds it.
    fn stop(&self) {
        let closed =
            std::mem::take(&mut *self.closed.lock().unwrap_or_else(PoisonError::into_inner));
        closed.store(true, Ordering::Relaxed);
        let router = locked(&self.router).take();
        if let Some(router) = &router {
            let _ = router.stopper().stop(PATIENCE);
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // A thread may drop the pool itself, with the last input.
        let this = std::thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != this) {
            // One that panicked has told whoever listened.
            let _ = thread.join();
        }
        if let Some(router) = router {
            // A callable that takes longer is given up: nothing is torn down under it.
            if router.stopper().ended(PATIENCE) {
                drop(router);
            } else {
                std::mem::forget(router);
            }
        }
    }
}

fn locked(router: &Mutex<Option<Arc<Router>>>) -> MutexGuard<'_, Option<Arc<Router>>> {
    router.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            // Its threads are the parent's.
            std::mem::forget(locked(&self.router).take());
            return;
        }
        // Its threads may wait for the interpreter, which this thread holds. One that is ending
        // has closed all pools before.
        let _ = Python::try_attach(|py| py.detach(|| self.stop()));
    }
}
