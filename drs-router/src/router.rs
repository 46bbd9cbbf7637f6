//! The pool, opened: one input in, one certificate out.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use drs_core::certificate::{Certificate, InputRecord, ModelRecord, Provenance};
use drs_core::certify::{CertifyError, Prediction};
use drs_core::lattice::{Digest, LatticeInput};
use drs_core::noise::{NoiseError, NoiseStream, NoiseTable, Seed};
use drs_core::pool::{Model, Pool, Role, Stage, VoteSource};
use drs_core::protocol::{Method, Protocol};
use drs_core::votes::VoteCounts;

use crate::config::Config;
use crate::engine::{Engine, EngineError, LaneSpec, Reading, Throughput};
use crate::plugin::{LoadError, LoadedExpert, Registry};

/// Draws that a sequential stage asks for at a time, at the least.
const FEWEST_ROWS: usize = 16;

/// How a pool is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Worker threads for noise and models.
    pub threads: usize,
    /// Inputs per batch for every model, over experts.toml and the plugins' preference.
    pub batch: Option<usize>,
}

/// Everything that keeps a pool from opening, reported together.
#[derive(Debug)]
pub struct OpenError {
    problems: Vec<String>,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => f.write_str(problem),
            problems => {
                write!(f, "{} problems:", problems.len())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for OpenError {}

/// Something legal that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(String);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an input could not be certified.
pub type RouteError = CertifyError<EngineError>;

/// A pool of experts and its router, loaded and ready.
pub struct Router {
    pool: Pool,
    engine: Engine,
    records: Vec<ModelRecord>,
    classes: Vec<String>,
    warnings: Vec<Warning>,
}

impl Router {
    /// Loads every plugin, opens every model and checks that they fit together.
    ///
    /// # Errors
    /// All problems of all models at once.
    pub fn open(config: &Config, options: Options) -> Result<Self, OpenError> {
        let mut registry = Registry::default();
        let mut problems = Vec::new();
        let specs = config.router.iter().map(|model| ("router", model));
        let specs = specs.chain(config.experts.iter().map(|e| (e.name.as_str(), &e.model)));
        let mut lanes = Vec::new();
        for (name, spec) in specs {
            match LoadedExpert::load(&mut registry, name, spec, config) {
                Ok(expert) => match NoiseTable::new(expert.sigma(), config.input.quantum) {
                    Ok(table) => {
                        let preferred = spec.batch.unwrap_or(expert.manifest().preferred_batch);
                        let batch = options.batch.unwrap_or(preferred);
                        lanes.push(LaneSpec { expert, table, batch });
                    }
                    Err(error) => problems.push(noise_problem(name, &error)),
                },
                Err(error) => problems.push(load_problem(name, &error)),
            }
        }
        if problems.is_empty() {
            problems = misfits(config.router.is_some(), &lanes, config);
        }
        if !problems.is_empty() {
            return Err(OpenError { problems });
        }
        let model = |lane: &LaneSpec| Model {
            name: lane.expert.name().to_owned(),
            sigma: lane.expert.sigma(),
            distance_per_draw: lane.table.total_variation() * config.input.shape.values() as f64,
        };
        let experts = usize::from(config.router.is_some());
        let classes = lanes[experts].expert.manifest().classes.clone();
        let pool = Pool {
            router: config.router.is_some().then(|| model(&lanes[0])),
            experts: lanes[experts..].iter().map(model).collect(),
            classes: classes.len(),
            blend: config.blend.clone(),
        };
        let records = lanes.iter().map(|lane| lane.expert.record().clone()).collect();
        let warnings = warnings(&pool);
        Ok(Self { pool, engine: Engine::start(lanes, options.threads), records, classes, warnings })
    }

    /// The models as the statistics see them.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What the user should know before trusting the choice of models.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Certifies one input. Call from several threads to certify several at once.
    ///
    /// # Errors
    /// If the protocol does not fit the pool, a model fails, or a bound does
    /// not converge.
    pub fn certify(
        &self,
        input: Arc<LatticeInput>,
        method: Method,
        protocol: &Protocol,
        seed: Seed,
    ) -> Result<Certificate, RouteError> {
        let record = InputRecord::from(&*input);
        let mut source = self.source(input, record.sha256, seed);
        let provenance = Provenance { seed, input: record, models: self.records.clone() };
        drs_core::certify(&self.pool, method, protocol, Some(provenance), &mut source)
    }

    /// The identities of the experts, in their order.
    #[must_use]
    pub fn experts(&self) -> &[ModelRecord] {
        // The router is the first lane, if there is one.
        &self.records[self.records.len() - self.pool.experts.len()..]
    }

    /// Predicts one input's class, by the expert with the given index or, with
    /// `None`, by the one that the router chooses.
    ///
    /// # Errors
    /// As [`certify`](Self::certify).
    pub fn predict(
        &self,
        input: Arc<LatticeInput>,
        expert: Option<usize>,
        protocol: &Protocol,
        seed: Seed,
    ) -> Result<Prediction, RouteError> {
        let digest = input.digest();
        let mut source = self.source(input, digest, seed);
        drs_core::predict(&self.pool, expert, protocol, &mut source)
    }

    /// The votes of the models on one input, for procedures of the caller's own.
    ///
    /// They are the ones that [`certify`](Self::certify) judges under this seed.
    #[must_use]
    pub fn votes(
        &self,
        input: Arc<LatticeInput>,
        seed: Seed,
    ) -> impl VoteSource<Error = EngineError> {
        let digest = input.digest();
        self.source(input, digest, seed)
    }

    /// Measures each model for about `time` on noisy copies of an input: the
    /// router first, then the experts.
    ///
    /// # Errors
    /// Of each model, if it fails.
    pub fn throughput(
        &self,
        input: &Arc<LatticeInput>,
        time: Duration,
    ) -> impl Iterator<Item = Result<Throughput, EngineError>> {
        let stream = NoiseStream::new(Seed::from_number(0), input.digest(), "throughput");
        (0..self.records.len()).map(move |lane| self.engine.measure(lane, input, &stream, time))
    }

    /// Time that models have run so far, per model that can run at once: close
    /// to the time passed while the pool is kept busy.
    #[must_use]
    pub fn model_time(&self) -> Duration {
        self.engine.model_time()
    }

    /// How many inputs to certify at once so that batches fill up: a sequential
    /// stage asks for few draws at a time.
    #[must_use]
    pub fn inputs_at_once(&self) -> usize {
        (self.engine.largest_batch() / FEWEST_ROWS).clamp(32, 512)
    }

    fn source(&self, input: Arc<LatticeInput>, digest: Digest, seed: Seed) -> EngineSource<'_> {
        EngineSource { router: self, input, digest, seed, readings: HashMap::new() }
    }

    fn lane(&self, role: Role) -> usize {
        match role {
            Role::Router => 0,
            Role::Expert(index) => index + usize::from(self.pool.router.is_some()),
        }
    }
}

/// Votes of one input through the engine.
struct EngineSource<'a> {
    router: &'a Router,
    input: Arc<LatticeInput>,
    digest: Digest,
    seed: Seed,
    /// Stages whose looks were announced.
    readings: HashMap<Stage, Reading<'a>>,
}

impl<'a> EngineSource<'a> {
    fn read(&self, stage: Stage, first: u64, ends: &[u64]) -> Reading<'a> {
        let router = self.router;
        let stream = NoiseStream::new(self.seed, self.digest, &router.pool.address(stage));
        router.engine.read(router.lane(stage.role), Arc::clone(&self.input), stream, first, ends)
    }
}

impl VoteSource for EngineSource<'_> {
    type Error = EngineError;

    fn announce(&mut self, stage: Stage, looks: &[u64]) {
        let reading = self.read(stage, 0, looks);
        self.readings.insert(stage, reading);
    }

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, EngineError> {
        match self.readings.get(&stage) {
            Some(reading) if reading.covers(&draws) => reading.votes(&draws),
            _ => self.read(stage, draws.start, &[draws.end]).votes(&draws),
        }
    }
}

fn load_problem(name: &str, error: &LoadError) -> String {
    if name == "router" { format!("router: {error}") } else { format!("expert {name}: {error}") }
}

fn noise_problem(name: &str, error: &NoiseError) -> String {
    if name == "router" { format!("router: {error}") } else { format!("expert {name}: {error}") }
}

/// What does not fit together among models that each opened.
fn misfits(routed: bool, lanes: &[LaneSpec], config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let experts = &lanes[usize::from(routed)..];
    let first = &experts[0].expert;
    for lane in &experts[1..] {
        let (own, expected) = (&lane.expert.manifest().classes, &first.manifest().classes);
        if own != expected {
            problems.push(format!(
                "expert {}: its classes are {own:?}, expected those of expert {}: {expected:?}",
                lane.expert.name(),
                first.name()
            ));
        }
    }
    if routed {
        let names: Vec<&str> = config.experts.iter().map(|e| e.name.as_str()).collect();
        let classes = &lanes[0].expert.manifest().classes;
        if *classes != names {
            problems.push(format!(
                "router: its classes are {classes:?}, expected the experts' names in the order of experts.toml: {names:?}"
            ));
        }
    }
    problems
}

fn warnings(pool: &Pool) -> Vec<Warning> {
    let largest = pool.experts.iter().max_by(|a, b| a.sigma.get().total_cmp(&b.sigma.get()));
    let (Some(router), Some(largest)) = (&pool.router, largest) else { return Vec::new() };
    let (sigma, needed) = (router.sigma.get(), largest.sigma.get());
    if sigma >= needed {
        return Vec::new();
    }
    vec![Warning(format!(
        "the router's sigma {sigma} is below expert {}'s {needed}: at equal votes the route holds for {:.0} % of the distance that the expert reaches, and binds there; train the router at sigma {needed} or more",
        largest.name,
        (100.0 * sigma / needed).floor()
    ))]
}
