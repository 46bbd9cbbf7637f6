//! A pool of experts, opened when it is first asked something.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use drs_core::lattice::LatticeInput;
use drs_core::pool::{Phase, Role, Stage};
use drs_core::sampling::Stopping;
use drs_core::votes::VoteCounts;
use drs_router::{Config, Count, Options, Program, Router};
use pyo3::prelude::*;

use crate::answers::{Answers, Wanted, Work};
use crate::callable::with_callables;
use crate::inputs::input;
use crate::question::{Asked, fresh};
use crate::{runtime_error, value_error, wait};

/// How much of its radius a single answer may go without, if nothing else is asked for.
const TOLERANCE: f64 = 0.05;

/// How long a stopped engine may take for the batches that run.
const PATIENCE: Duration = Duration::from_secs(1);

/// A pool of experts: an experts.toml, or callables.
///
/// Its engine is opened when it is first needed. An interrupt stops the engine, and the next
/// question opens another.
#[pyclass(frozen)]
pub(crate) struct NativePool {
    pub(crate) config: Config,
    callables: Vec<Py<PyAny>>,
    options: Options,
    router: Arc<Mutex<Option<Arc<Router>>>>,
    /// The process that it was made in: threads do not survive a fork.
    process: u32,
}

#[pymethods]
impl NativePool {
    /// The pool of an experts.toml.
    #[staticmethod]
    #[pyo3(signature = (path, threads=None, batch=None, isolate=false))]
    fn from_toml(
        path: PathBuf,
        threads: Option<usize>,
        batch: Option<usize>,
        isolate: bool,
    ) -> PyResult<Self> {
        let config = Config::read(&path).map_err(value_error)?;
        Self::new(config, Vec::new(), threads, batch, isolate)
    }

    /// A pool of callables. `description` is JSON of what an experts.toml would hold, where
    /// `config.live` is a place among them.
    #[staticmethod]
    #[pyo3(signature = (description, callables, threads=None, batch=None))]
    fn of(
        description: &str,
        callables: Vec<Py<PyAny>>,
        threads: Option<usize>,
        batch: Option<usize>,
    ) -> PyResult<Self> {
        let description: toml::Value = serde_json::from_str(description).map_err(value_error)?;
        let text = toml::to_string(&description).map_err(value_error)?;
        let config = Config::parse(Path::new("Pool"), &text).map_err(value_error)?;
        Self::new(config, callables, threads, batch, false)
    }

    /// Opens the engine; tells what the user should know of the pool.
    fn open(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let router = self.router(py)?;
        Ok(router.warnings().iter().map(ToString::to_string).collect())
    }

    /// Stops the engine. A later question opens another.
    fn close(&self, py: Python<'_>) {
        self.halt(py);
    }

    /// Names of the classes.
    fn classes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.router(py)?.classes().to_vec())
    }

    /// Name and sigma of each expert.
    fn experts(&self, py: Python<'_>) -> PyResult<Vec<(String, f64)>> {
        let router = self.router(py)?;
        let pool = router.pool();
        Ok(pool.experts.iter().map(|expert| (expert.name.clone(), expert.sigma.get())).collect())
    }

    /// The router's sigma, if there is one.
    fn router_sigma(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        Ok(self.router(py)?.pool().router.as_ref().map(|router| router.sigma.get()))
    }

    /// Channels, height, width.
    fn shape(&self) -> [usize; 3] {
        self.config.input.shape.dims()
    }

    /// Steps of the lattice between 0 and 1.
    fn levels(&self) -> u16 {
        self.config.input.quantum.levels()
    }

    /// JSON of the models' identities, the router first.
    fn models(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(self.router(py)?.models()).map_err(runtime_error)
    }

    /// Answers a question about each of the items, arrays or paths.
    fn ask(
        this: &Bound<'_, Self>,
        items: Py<PyAny>,
        asked: &str,
        predict: bool,
    ) -> PyResult<Answers> {
        let (py, pool) = (this.py(), this.get());
        let router = pool.router(py)?;
        let asked = Asked::parse(asked)?;
        let usual = Stopping::Tolerance(TOLERANCE);
        let question = asked.question(router.pool(), pool.config.split, usual)?;
        let seed = question.seed.map_or_else(fresh, Ok)?;
        let wanted = if predict { Wanted::Prediction } else { Wanted::Certificate };
        let work = Work { router, spec: pool.config.input, question, seed, wanted };
        Answers::begin(this.clone().unbind(), items, work)
    }

    /// How the only expert votes on so many noisy copies of an input.
    fn count(
        &self,
        py: Python<'_>,
        item: &Bound<'_, PyAny>,
        draws: u64,
        seed: Option<&str>,
    ) -> PyResult<Vec<u64>> {
        if draws == 0 {
            return Err(value_error("0 draws found, expected at least 1"));
        }
        let router = self.router(py)?;
        let input: LatticeInput = input(item, self.config.input).map_err(value_error)?;
        let seed = seed.map(|seed| seed.parse().map_err(value_error)).transpose()?;
        let seed = seed.map_or_else(fresh, Ok)?;
        let stage = Stage { role: Role::Expert(0), phase: Phase::Prediction };
        let (send, counted) = std::sync::mpsc::sync_channel(1);
        let work = move || {
            let question = Count { stages: vec![(stage, vec![draws])], seed };
            // Whoever was interrupted listens no more.
            let _ = send.send(router.ask(Arc::new(input), &question));
        };
        drs_router::start_thread("count", work).map_err(runtime_error)?;
        let counted = wait::next(py, &Mutex::new(counted)).inspect_err(|_| self.halt(py))?;
        let counted = counted.ok_or_else(|| runtime_error("the engine has ended"))?;
        let looks = counted.map_err(runtime_error)?.outcome.into_iter().flatten();
        Ok(looks.last().map_or_else(Vec::new, |votes: VoteCounts| votes.counts().to_vec()))
    }

    /// Certifies a data set into files; see `run.rs`.
    fn certify(
        &self,
        py: Python<'_>,
        asked: &str,
        run: crate::run::RunArguments,
    ) -> PyResult<String> {
        crate::run::certify(py, self, &Asked::parse(asked)?, run)
    }
}

impl NativePool {
    fn new(
        config: Config,
        callables: Vec<Py<PyAny>>,
        threads: Option<usize>,
        batch: Option<usize>,
        isolate: bool,
    ) -> PyResult<Self> {
        for (name, found) in [("threads", threads), ("batch", batch)] {
            if found == Some(0) {
                return Err(value_error(format!("{name} = 0 found, expected at least 1")));
            }
        }
        let threads = threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
        let options =
            Options { batch, isolate, worker: Program::this().ok(), ..Options::new(threads) };
        let process = std::process::id();
        Ok(Self { config, callables, options, router: Arc::default(), process })
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
        drs_router::start_thread("open", open).map_err(runtime_error)?;
        let opened = wait::next(py, &Mutex::new(opened))?;
        opened.ok_or_else(|| runtime_error("opening the pool failed"))?.map_err(runtime_error)
    }

    /// Stops the engine, if there is one.
    pub(crate) fn halt(&self, py: Python<'_>) {
        if std::process::id() != self.process {
            return;
        }
        py.detach(|| {
            let router = locked(&self.router).take();
            if let Some(router) = router {
                let _ = router.stopper().stop(PATIENCE);
            }
        });
    }
}

fn locked(router: &Mutex<Option<Arc<Router>>>) -> MutexGuard<'_, Option<Arc<Router>>> {
    router.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for NativePool {
    fn drop(&mut self) {
        let Some(router) = locked(&self.router).take() else { return };
        if std::process::id() != self.process {
            // Its threads are the parent's.
            std::mem::forget(router);
            return;
        }
        // The engine's threads may wait for the interpreter, which this thread holds.
        let stop = move || {
            let _ = router.stopper().stop(PATIENCE);
            drop(router);
        };
        let mut stop = Some(stop);
        let stopped = Python::try_attach(|py| py.detach(|| stop.take().map(|stop| stop())));
        if stopped.is_none() {
            // The interpreter is ending: nobody waits for anything any more.
            std::mem::forget(stop);
        }
    }
}
