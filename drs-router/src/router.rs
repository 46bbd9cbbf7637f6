//! The pool, opened: one input in, one certificate out.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use drs_core::certificate::{Certificate, InputRecord, ModelRecord, Provenance};
use drs_core::certify::{CertifyError, Prediction};
use drs_core::lattice::{Digest, LatticeInput};
use drs_core::noise::{NoiseStream, NoiseTable, Seed};
use drs_core::pool::{Model, Pool, Role, Stage, VoteSource};
use drs_core::protocol::{AlphaSplit, Method, Protocol};
use drs_core::votes::VoteCounts;

use crate::batch::BatchSize;
use crate::config::{Config, RouterSpec};
use crate::copies::Copies;
use crate::engine::{Engine, EngineError, LaneSpec, StartError, Stopper, Throughput};
use crate::panicked::Panicked;
use crate::plugin::{Isolation, LoadedExpert, Registry};
use crate::shared;
use crate::source::EngineSource;
use crate::under_way::UnderWay;

/// Draws that a sequential stage asks for at a time, at the least.
const FEWEST_ROWS: usize = 16;

/// Inputs at once beyond those that fill the batches: some are read, judged or selected for.
const SPARE_INPUTS: usize = 4;

/// The most inputs at once.
const MOST_INPUTS: usize = 512;

/// How a pool is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Worker threads for noise and models.
    pub threads: usize,
    /// Inputs per batch for every model, over experts.toml and the plugins' preference.
    pub batch: Option<usize>,
    /// Every model in a process of its own, not only those of experts.toml's choice.
    pub isolate: bool,
    /// The program that workers are started from, `drs`; without it no model can be isolated.
    pub worker: Option<PathBuf>,
}

impl Options {
    /// So many threads, nothing isolated.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { threads, batch: None, isolate: false, worker: None }
    }
}

/// Everything that keeps a pool from opening, reported together.
#[derive(Debug)]
pub struct OpenError {
    problems: Vec<String>,
    unsteady: Option<Vec<ModelRecord>>,
}

impl OpenError {
    fn new(problems: Vec<String>) -> Self {
        Self { problems, unsteady: None }
    }

    /// If a model was found to vote on more than its input: the identities of all models, in
    /// the order of certificates. Nothing that these models certified holds.
    #[must_use]
    pub fn unsteady(&self) -> Option<&[ModelRecord]> {
        self.unsteady.as_deref()
    }
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
    route: Route,
    engine: Engine,
    records: Vec<ModelRecord>,
    classes: Vec<String>,
    split: AlphaSplit,
    warnings: Vec<Warning>,
}

/// Where the router's votes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    None,
    /// The first lane.
    Own,
    /// The lane of the expert in this place, which votes for pairs.
    Shared(usize),
}

impl Route {
    /// The expert whose model answers with pairs.
    fn shared(self) -> Option<usize> {
        match self {
            Self::Shared(expert) => Some(expert),
            Self::None | Self::Own => None,
        }
    }
}

impl Router {
    /// Loads every plugin, opens every model and checks that they fit together.
    ///
    /// # Errors
    /// All problems of all models at once; among them votes that depend on more than their own
    /// input, as far as a try with known inputs tells.
    pub fn open(config: &Config, options: &Options) -> Result<Self, OpenError> {
        let isolation = Isolation {
            all: options.isolate,
            program: options.worker.as_deref(),
            limits: config.limits,
        };
        let copies = Copies::new().map_err(|error| {
            let folder = std::env::temp_dir();
            let problem = format!(
                "no folder for private copies of models in {}: {error} (the variable TMPDIR chooses another)",
                folder.display()
            );
            OpenError::new(vec![problem])
        })?;
        let copies = Arc::new(copies);
        let mut registry = Registry::default();
        let mut problems = Vec::new();
        let (own, route) = match &config.router {
            None => (None, Route::None),
            Some(RouterSpec::Own(model)) => (Some(("router", model)), Route::Own),
            Some(RouterSpec::Shared(expert)) => (None, Route::Shared(*expert)),
        };
        let specs = own.into_iter();
        let specs = specs.chain(config.experts.iter().map(|e| (e.name.as_str(), &e.model)));
        let mut lanes = Vec::new();
        for (name, spec) in specs {
            match LoadedExpert::load(&mut registry, &copies, name, spec, config, isolation) {
                Ok(expert) => match NoiseTable::new(expert.sigma(), config.input.quantum) {
                    Ok(table) => {
                        let batch = BatchSize::new(options.batch, spec, expert.manifest());
                        let (rows, quantum) = (batch.rows, config.input.quantum);
                        match batch.check(config.input.shape) {
                            Ok(()) => lanes.push(LaneSpec { expert, table, quantum, batch: rows }),
                            Err(problem) => problems.push(of_model(name, &problem)),
                        }
                    }
                    Err(error) => problems.push(of_model(name, &error)),
                },
                Err(error) => problems.push(of_model(name, &error)),
            }
        }
        if !problems.is_empty() {
            return Err(OpenError::new(problems));
        }
        let classes = classes(route, &lanes, config).map_err(OpenError::new)?;
        let model = |lane: &LaneSpec| {
            let (name, sigma) = (lane.expert.name(), lane.expert.sigma());
            Model::on_lattice(name.to_owned(), sigma, config.input.shape, config.input.quantum)
                .map_err(|error| OpenError::new(vec![of_model(name, &error)]))
        };
        let experts = &lanes[usize::from(route == Route::Own)..];
        let router = match route {
            Route::None => None,
            Route::Own => Some(&lanes[0]),
            Route::Shared(expert) => Some(&experts[expert]),
        };
        let router = router.map(model).transpose()?;
        let router = router.map(|model| Model { name: "router".to_owned(), ..model });
        let pool = Pool {
            router,
            experts: experts.iter().map(model).collect::<Result<_, _>>()?,
            classes: classes.len(),
            blend: config.blend.clone(),
        };
        let record = |lane: &LaneSpec| lane.expert.record().clone();
        let shared = route.shared().map(|expert| record(&lanes[expert]));
        let shared = shared.map(|record| ModelRecord { name: "router".to_owned(), ..record });
        let records: Vec<ModelRecord> =
            shared.into_iter().chain(lanes.iter().map(record)).collect();
        let warnings = warnings(&pool);
        let engine = Engine::start(lanes, options.threads).map_err(|errors| {
            let unsteady = errors.iter().any(StartError::is_unsteady);
            OpenError {
                problems: errors.iter().map(ToString::to_string).collect(),
                unsteady: unsteady.then(|| records.clone()),
            }
        })?;
        let split = config.split;
        Ok(Self { pool, route, engine, records, classes, split, warnings })
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

    /// How experts.toml shares α.
    #[must_use]
    pub fn split(&self) -> &AlphaSplit {
        &self.split
    }

    /// What the user should know before trusting the choice of models.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Certifies one input. Call from several threads to certify several at once.
    ///
    /// # Errors
    /// If the protocol does not fit the pool, a model fails or votes on more than its input
    /// alone, or a bound does not converge.
    pub fn certify(
        &self,
        input: Arc<LatticeInput>,
        method: Method,
        protocol: &Protocol,
        seed: Seed,
    ) -> Result<Timed<Certificate>, RouteError> {
        self.certify_from(input, method, protocol, seed, &Arc::default())
    }

    /// The same, with votes that were drawn before, and with a view of those that are there so far.
    /// Its times are without theirs.
    ///
    /// # Errors
    /// As [`certify`](Self::certify), and if the engine was [stopped](Self::stopper).
    pub fn certify_from(
        &self,
        input: Arc<LatticeInput>,
        method: Method,
        protocol: &Protocol,
        seed: Seed,
        under_way: &Arc<UnderWay>,
    ) -> Result<Timed<Certificate>, RouteError> {
        self.timed(input, seed, under_way, |input, source| {
            let provenance = Provenance { seed, input, models: self.records.clone() };
            drs_core::certify(&self.pool, method, protocol, Some(provenance), source)
        })
    }

    /// The identities of all models, in the order of certificates.
    #[must_use]
    pub fn models(&self) -> &[ModelRecord] {
        &self.records
    }

    /// The identities of the experts, in their order.
    #[must_use]
    pub fn experts(&self) -> &[ModelRecord] {
        // The router is the first, if there is one.
        &self.records[self.records.len() - self.pool.experts.len()..]
    }

    /// Predicts one input's class, by the classifier that `method` certifies.
    ///
    /// # Errors
    /// As [`certify`](Self::certify).
    pub fn predict(
        &self,
        input: Arc<LatticeInput>,
        method: Method,
        protocol: &Protocol,
        seed: Seed,
    ) -> Result<Timed<Prediction>, RouteError> {
        self.timed(input, seed, &Arc::default(), |_, source| {
            drs_core::predict(&self.pool, method, protocol, source)
        })
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
        self.source(input, digest, seed, &Arc::default())
    }

    /// Measures each model for about `time` on noisy copies of an input: the
    /// router first if it has one of its own, then the experts.
    ///
    /// # Errors
    /// Of each model, if it fails.
    pub fn throughput(
        &self,
        input: &Arc<LatticeInput>,
        time: Duration,
    ) -> impl Iterator<Item = Result<Throughput, EngineError>> {
        let stream = NoiseStream::new(Seed::from_number(0), input.digest(), "throughput");
        let own = usize::from(self.route == Route::Own);
        (0..own + self.pool.experts.len())
            .map(move |lane| self.engine.measure(lane, input, &stream, time))
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
        (self.engine.largest_batch() / FEWEST_ROWS).clamp(32, MOST_INPUTS)
    }

    /// Judges the votes of one input, and tells what it took.
    fn timed<T>(
        &self,
        input: Arc<LatticeInput>,
        seed: Seed,
        under_way: &Arc<UnderWay>,
        judge: impl FnOnce(InputRecord, &mut EngineSource<'_>) -> Result<T, RouteError>,
    ) -> Result<Timed<T>, RouteError> {
        let start = Instant::now();
        let record = InputRecord::from(&*input);
        let mut source = self.source(input, record.sha256, seed, under_way);
        let outcome = judge(record, &mut source)?;
        // Its own votes may have been tried by nobody; a model that failed with others' is no
        // better here.
        self.engine.steady().map_err(RouteError::Votes)?;
        let time = source.close();
        Ok(Timed { outcome, time, latency: start.elapsed().as_secs_f64() })
    }

    /// Tries once more, at the end of a run, whether the models vote on each input alone: no
    /// result holds if one does not.
    ///
    /// # Errors
    /// If one does not, or fails.
    pub fn try_last(&self) -> Result<(), RouteError> {
        self.engine.try_last().map_err(RouteError::Votes)
    }

    /// Whether no trial so far has found a model that votes on more than its input.
    ///
    /// # Errors
    /// If one has.
    pub fn steady(&self) -> Result<(), RouteError> {
        self.engine.steady().map_err(RouteError::Votes)
    }

    /// How many inputs to certify at once by this protocol: no more than batches need. With few
    /// draws at a time it takes many inputs to fill them, with all N at a time hardly two.
    #[must_use]
    pub fn inputs_at_once_by(&self, protocol: &Protocol) -> usize {
        let design = protocol.sampling.design(protocol.n);
        let before = std::iter::once(0).chain(design.looks().iter().map(|look| look.draws));
        let draws = design.looks().iter().zip(before).map(|(look, before)| look.draws - before);
        let draws = usize::try_from(draws.min().unwrap_or(1)).unwrap_or(usize::MAX);
        (self.engine.rows_at_once().div_ceil(draws.max(1)) + SPARE_INPUTS).min(MOST_INPUTS)
    }

    /// What ends all waits for votes early, from anywhere: the certificates under way then fail
    /// with [`EngineError::Stopped`].
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.engine.stopper()
    }

    fn source(
        &self,
        input: Arc<LatticeInput>,
        digest: Digest,
        seed: Seed,
        under_way: &Arc<UnderWay>,
    ) -> EngineSource<'_> {
        EngineSource::new(self, input, digest, seed, Arc::clone(under_way))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where the model in a role is run.
    pub(crate) fn lane(&self, role: Role) -> usize {
        match role {
            Role::Router => self.route.shared().unwrap_or(0),
            Role::Expert(index) => index + usize::from(self.route == Route::Own),
        }
    }

    /// The stage whose draws have the votes of this one: the noise has its address.
    pub(crate) fn drawn(&self, stage: Stage) -> Stage {
        match (stage.role, self.route) {
            (Role::Router, Route::Shared(expert)) => Stage { role: Role::Expert(expert), ..stage },
            _ => stage,
        }
    }

    /// What a stage is told of the votes of its model.
    pub(crate) fn told(&self, stage: Stage, votes: VoteCounts) -> VoteCounts {
        let experts = self.pool.experts.len();
        match (stage.role, self.route.shared()) {
            (Role::Router, Some(_)) => shared::routes(&votes, experts),
            (Role::Expert(expert), Some(sharer)) if expert == sharer => {
                shared::answers(&votes, experts)
            }
            _ => votes,
        }
    }
}

/// What came of one input, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed<T> {
    /// What came of it.
    pub outcome: T,
    /// Its share of the machine in seconds: of each batch that its draws were in, noise and
    /// model, as much as it had of the rows. While n batches are worked at, a second is 1/n of
    /// a second for each. So what all inputs take adds up to the time in which the machine was
    /// busy. Draws that were made ahead and not asked for count too.
    pub time: f64,
    /// Seconds from its start to its end. Inputs under way at once wait for each other, so
    /// this may be many times as much.
    pub latency: f64,
}

impl<T> Timed<T> {
    /// The same times of something that is made of the outcome.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Timed<U> {
        Timed { outcome: make(self.outcome), time: self.time, latency: self.latency }
    }
}

/// Whether an error tells of a mistake in drs itself, its own or one of the engine's.
#[must_use]
pub fn is_panic(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_engine = match error.downcast_ref::<RouteError>() {
        Some(RouteError::Votes(error)) => Some(error),
        _ => error.downcast_ref::<EngineError>(),
    };
    error.is::<Panicked>() || matches!(of_engine, Some(EngineError::Panicked(_)))
}

/// A problem with whose it is.
fn of_model(name: &str, problem: &impl fmt::Display) -> String {
    if name == "router" {
        format!("router: {problem}")
    } else {
        format!("expert {name}: {problem}")
    }
}

/// The classes of all experts, or what does not fit together among models that each opened.
fn classes(route: Route, lanes: &[LaneSpec], config: &Config) -> Result<Vec<String>, Vec<String>> {
    let names: Vec<&str> = config.experts.iter().map(|e| e.name.as_str()).collect();
    let mut problems = Vec::new();
    let experts = &lanes[usize::from(route == Route::Own)..];
    let mut all = Vec::new();
    for (place, lane) in experts.iter().enumerate() {
        let own = &lane.expert.manifest().classes;
        if route != Route::Shared(place) {
            all.push((lane.expert.name(), own.clone()));
            continue;
        }
        match shared::classes(own, &names) {
            Ok(plain) => all.push((lane.expert.name(), plain)),
            Err(problem) => problems.push(format!("expert {}: {problem}", lane.expert.name())),
        }
    }
    for (name, own) in all.iter().skip(1) {
        let (first, expected) = &all[0];
        if own != expected {
            problems.push(format!(
                "expert {name}: its classes are {own:?}, expected those of expert {first}: {expected:?}"
            ));
        }
    }
    if route == Route::Own {
        let classes = &lanes[0].expert.manifest().classes;
        if *classes != names {
            problems.push(format!(
                "router: its classes are {classes:?}, expected the experts' names in the order of experts.toml: {names:?}"
            ));
        }
    }
    match all.into_iter().next() {
        Some((_, classes)) if problems.is_empty() => Ok(classes),
        _ => Err(problems),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panicked::caught;

    #[test]
    fn a_panic_is_known_wherever_it_comes_from() {
        let panicked = caught::<()>(|| panic!("words")).unwrap_err();
        let engine = EngineError::from(panicked.clone());
        assert!(is_panic(&panicked) && is_panic(&engine));
        assert!(is_panic(&RouteError::Votes(engine)));
        assert!(!is_panic(&RouteError::Votes(EngineError::Stopped)));
    }
}
