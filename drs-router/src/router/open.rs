//! From experts.toml to models that run.

use std::fmt;
use std::sync::Arc;

use drs_core::certificate::ModelRecord;
use drs_core::noise::NoiseTable;
use drs_core::pool::{Model, Pool};

use super::{Router, warning};
use crate::batch::BatchSize;
use crate::config::{Config, RouterSpec};
use crate::copies::Copies;
use crate::engine::{Engine, LaneSpec, StartError};
use crate::expert::{Isolation, LoadedExpert};
use crate::models::{Models, Route};
use crate::plugin::Registry;
use crate::program::Program;
use crate::shared;

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
    pub worker: Option<Program>,
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

impl Router {
    /// Loads every plugin, opens every model and checks that they fit together.
    ///
    /// # Errors
    /// All problems of all models at once; among them votes that depend on more than their own
    /// input, as far as a try with known inputs tells.
    pub fn open(config: &Config, options: &Options) -> Result<Self, OpenError> {
        let isolation = Isolation {
            all: options.isolate,
            program: options.worker.as_ref(),
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
        let warnings = warning::of(&pool);
        let engine = Engine::start(lanes, options.threads).map_err(|errors| {
            let unsteady = errors.iter().any(StartError::is_unsteady);
            OpenError {
                problems: errors.iter().map(ToString::to_string).collect(),
                unsteady: unsteady.then(|| records.clone()),
            }
        })?;
        let split = config.split;
        let models = Models { pool, route, engine };
        Ok(Self { models, records, classes, split, warnings })
    }
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
