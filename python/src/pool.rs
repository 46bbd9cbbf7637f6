//! A pool of experts, opened when it is first asked something.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use drs_core::pool::{Phase, Role, Stage};
use drs_core::sampling::Stopping;
use drs_core::votes::VoteCounts;
use drs_router::{Config, Count};
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::answers::{Answers, Wanted, Work};
use crate::engine::Engine;
use crate::inputs::input;
use crate::question::{fresh, parse};
use crate::{runtime_error, value_error, wait};

/// How much of its radius a single answer may go without, if nothing else is asked for.
const TOLERANCE: f64 = 0.05;

/// A pool of experts: an experts.toml, or callables.
///
/// Its engine is opened when it is first needed.
#[pyclass(frozen)]
pub(crate) struct NativePool(Arc<Engine>);

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
        Ok(Self(Engine::new(config, None, threads, batch, isolate)?))
    }

    /// The pool of a package that is installed.
    #[staticmethod]
    #[pyo3(signature = (name, threads=None, batch=None, isolate=false))]
    fn named(
        name: &str,
        threads: Option<usize>,
        batch: Option<usize>,
        isolate: bool,
    ) -> PyResult<Self> {
        let text = format!("pool = {}", toml::Value::from(name));
        let config = Config::parse(Path::new("Pool.named"), &text).map_err(value_error)?;
        Ok(Self(Engine::new(config, None, threads, batch, isolate)?))
    }

    /// A pool of callables. `description` is JSON of what an experts.toml would hold, where
    /// `config.live` is a place among the callables of `kept`, a `Kept`, which the caller holds.
    #[staticmethod]
    #[pyo3(signature = (description, kept, threads=None, batch=None))]
    fn of(
        description: &str,
        kept: &Bound<'_, PyAny>,
        threads: Option<usize>,
        batch: Option<usize>,
    ) -> PyResult<Self> {
        let description: toml::Value = serde_json::from_str(description).map_err(value_error)?;
        let text = toml::to_string(&description).map_err(value_error)?;
        let config = Config::parse(Path::new("Pool"), &text).map_err(value_error)?;
        let kept = PyWeakrefReference::new(kept)?.unbind();
        Ok(Self(Engine::new(config, Some(kept), threads, batch, false)?))
    }

    /// Opens the engine; tells what the user should know of the pool.
    fn open(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let router = self.0.router(py)?;
        Ok(router.warnings().iter().map(ToString::to_string).collect())
    }

    /// Stops the engine. A later question opens another.
    fn close(&self, py: Python<'_>) {
        self.0.halt(py);
    }

    /// Names of the classes.
    fn classes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.0.router(py)?.classes().to_vec())
    }

    /// Name and sigma of each expert.
    fn experts(&self, py: Python<'_>) -> PyResult<Vec<(String, f64)>> {
        let router = self.0.router(py)?;
        let pool = router.pool();
        Ok(pool.experts.iter().map(|expert| (expert.name.clone(), expert.sigma.get())).collect())
    }

    /// The router's sigma, if there is one.
    fn router_sigma(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        Ok(self.0.router(py)?.pool().router.as_ref().map(|router| router.sigma.get()))
    }

    /// Channels, height, width.
    fn shape(&self) -> [usize; 3] {
        self.0.config.input.shape.dims()
    }

    /// Steps of the lattice between 0 and 1.
    fn levels(&self) -> u16 {
        self.0.config.input.quantum.levels()
    }

    /// JSON of the models' identities, the router first.
    fn models(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(self.0.router(py)?.models()).map_err(runtime_error)
    }

    /// Answers a question about each of the items, arrays or paths; `is_all` says that these are
    /// all inputs of a run.
    fn ask(
        &self,
        py: Python<'_>,
        items: Py<PyAny>,
        asked: &str,
        predict: bool,
        is_all: bool,
    ) -> PyResult<Answers> {
        let engine = &self.0;
        let router = engine.router(py)?;
        let asked = parse(asked)?;
        let usual = Stopping::Tolerance(TOLERANCE);
        let question = asked.question(router.pool(), engine.config.split, usual);
        let question = question.map_err(value_error)?;
        let seed = question.seed.map_or_else(fresh, Ok)?;
        let wanted = if predict { Wanted::Prediction } else { Wanted::Certificate };
        let closed = engine.closed();
        let work =
            Work { router, spec: engine.config.input, question, seed, wanted, is_all, closed };
        Answers::begin(Arc::clone(engine), items, work)
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
        let router = self.0.router(py)?;
        let (input, _) = input(item, self.0.config.input).map_err(value_error)?;
        let seed = seed.map(|seed| seed.parse().map_err(value_error)).transpose()?;
        let seed = seed.map_or_else(fresh, Ok)?;
        let stage = Stage { role: Role::Expert(0), phase: Phase::Prediction };
        let (send, counted) = std::sync::mpsc::sync_channel(1);
        let work = move || {
            let question = Count { stages: vec![(stage, vec![draws])], seed };
            // Whoever was interrupted listens no more.
            let _ = send.send(router.ask(Arc::new(input), &question));
        };
        self.0.keep(drs_router::start_thread("count", work).map_err(runtime_error)?);
        let counted = wait::next(py, &Mutex::new(counted)).inspect_err(|_| self.0.halt(py))?;
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
        crate::run::certify(py, &self.0, &parse(asked)?, run)
    }
}
