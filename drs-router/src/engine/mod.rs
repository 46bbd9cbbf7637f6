//! The batching engine: draws of many inputs and stages in fixed padded batches.
//!
//! Each model has a [lane](lane::Lane): a queue of jobs (so many draws of one
//! stage of one input), and batches filled from it. Worker threads do whatever
//! is most useful: run a model on a batch that is ready, else make the noise of
//! the next one. So noise is made while models run, and the rows of a batch may
//! belong to any number of jobs. Since noise is addressed and votes are summed,
//! counts do not depend on threads, batch sizes or who shares a batch.
//!
//! A certificate announces the looks that it may take and asks for them one by
//! one. Rows and workers that would idle draw ahead of what is asked for: this
//! is what a single input's answer waits less for.

mod clock;
mod counted;
mod lane;
mod measure;
mod model;
mod reading;
mod steadiness;
mod stopper;
mod ticket;
mod voter;
mod worker;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use drs_core::lattice::Quantum;
use drs_core::noise::NoiseTable;

use crate::expert::LoadedExpert;
use crate::panicked::{Panicked, caught};
use crate::scarce::{NoThread, start_thread};
use clock::Clock;
use lane::Lane;
pub use measure::Throughput;
pub use model::Batches;
use model::Model;
pub(crate) use reading::Reading;
pub use stopper::Stopper;
pub(crate) use ticket::Ticket;

/// Why votes could not be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// The plugin reported an error.
    #[error("{model} (plugin {plugin}): {message}")]
    Plugin {
        /// `router` or the expert's name.
        model: String,
        /// The plugin's name.
        plugin: String,
        /// What it said.
        message: String,
    },
    /// The plugin voted for a class that does not exist.
    #[error(
        "{model} (plugin {plugin}): a vote for class {vote}, expected an index below {classes}"
    )]
    Vote {
        /// `router` or the expert's name.
        model: String,
        /// The plugin's name.
        plugin: String,
        /// The vote.
        vote: u32,
        /// Number of classes in its manifest.
        classes: usize,
    },
    /// The plugin's own process was lost, twice with this input; others may do better.
    #[error("{model} (plugin {plugin}): {message}")]
    Lost {
        /// `router` or the expert's name.
        model: String,
        /// The plugin's name.
        plugin: String,
        /// What became of it.
        message: String,
    },
    /// The plugin's votes depend on more than their own input.
    #[error(
        "{model} (plugin {plugin}): {changed} of {votes} votes changed ({:.1} %) when their inputs were run again {how}, expected {}: votes must depend on their own input alone, or no certificate holds, those already written with this model included. Export the model in evaluation mode, without statistics or scales over the batch; `drs expert check` tells more",
        100.0 * *changed as f64 / *votes as f64,
        if *tolerance > 0.0 { format!("a share of at most {tolerance}, which the plugin declares") } else { "none".to_owned() }
    )]
    Unsteady {
        /// `router` or the expert's name.
        model: String,
        /// The plugin's name.
        plugin: String,
        /// Votes that changed.
        changed: u64,
        /// Votes that were compared.
        votes: u64,
        /// In which way the inputs were run again.
        how: &'static str,
        /// The share that the plugin's manifest allows.
        tolerance: f64,
    },
    /// The [time](crate::UnderWay::end) for this input is up.
    #[error("the time was up before any class was chosen")]
    TimeUp,
    /// The engine was told to [stop](Stopper::stop).
    #[error("the engine stopped before the votes were drawn")]
    Stopped,
    /// One of the engine's own threads panicked: there are no more votes.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A model whose votes depend on more than their own input, as far as a first try tells.
    #[error(transparent)]
    Model(#[from] EngineError),
    #[error(transparent)]
    NoThread(#[from] NoThread),
}

impl StartError {
    /// Whether it is about votes, not about the machine.
    pub(crate) fn is_unsteady(&self) -> bool {
        matches!(self, Self::Model(EngineError::Unsteady { .. }))
    }
}

/// A model as the engine runs it.
pub(crate) struct LaneSpec {
    pub(crate) expert: LoadedExpert,
    pub(crate) table: NoiseTable,
    /// The lattice of its inputs.
    pub(crate) quantum: Quantum,
    /// Inputs per batch.
    pub(crate) batch: usize,
}

pub(crate) struct Engine {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

pub(crate) struct Shared {
    lanes: Mutex<Lanes>,
    /// Signalled whenever a worker may find something new to do.
    work: Condvar,
    clock: Clock,
}

pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    /// Requests so far.
    turns: u64,
    state: State,
    /// Why nothing is drawn any more, once that is so.
    ending: EngineError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Working,
    /// Batches that run are finished, nothing is begun.
    Stopping,
    /// Nothing is waited for any more.
    Stopped,
}

impl Lanes {
    fn turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// Fails all that waits, and all that is asked for later.
    fn end(&mut self) {
        self.state = State::Stopped;
        let Self { lanes, ending, .. } = self;
        lanes.iter_mut().for_each(|lane| lane.end(ending));
    }

    /// Ends with a panic of one of the engine's threads: whose votes are lost is not known.
    fn break_off(&mut self, panicked: Panicked) {
        if self.state != State::Stopped {
            self.ending = panicked.into();
        }
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        // Lane state is only changed in steps that cannot panic half-way.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Starts `threads` workers over the given models.
    ///
    /// # Errors
    /// Of each model; of the first thread that cannot be started.
    pub(crate) fn start(models: Vec<LaneSpec>, threads: usize) -> Result<Self, Vec<StartError>> {
        let models: Vec<Model> = models.into_iter().map(Model::new).collect();
        let tried =
            models.iter().filter_map(|model| model.steadiness.try_first(&model.voter).err());
        let unsteady: Vec<StartError> = tried.map(StartError::Model).collect();
        if !unsteady.is_empty() {
            return Err(unsteady);
        }
        let lanes = models.into_iter().map(Lane::new).collect();
        let shared = Arc::new(Shared {
            lanes: Mutex::new(Lanes {
                lanes,
                turns: 0,
                state: State::Working,
                ending: EngineError::Stopped,
            }),
            work: Condvar::new(),
            clock: Clock::new(),
        });
        let mut engine = Self { shared, workers: Vec::new() };
        for _ in 0..threads.max(1) {
            let shared = Arc::clone(&engine.shared);
            // Those that run already end with the engine.
            let worker = start_thread("engine", move || worker::work(&shared));
            engine.workers.push(worker.map_err(|error| vec![error.into()])?);
        }
        Ok(engine)
    }

    /// Whether all models have voted on each input alone, as far as was tried.
    ///
    /// # Errors
    /// Of the first one that has not.
    pub(crate) fn steady(&self) -> Result<(), EngineError> {
        let lanes = self.shared.lock();
        if let (State::Stopped, EngineError::Panicked(_)) = (lanes.state, &lanes.ending) {
            return Err(lanes.ending.clone());
        }
        let models: Vec<_> = lanes.lanes.iter().map(Lane::model).collect();
        drop(lanes);
        models.iter().try_for_each(|model| model.steadiness.unbroken())
    }

    /// Whether all models may be asked more: they are [steady](Self::steady), and none has used up
    /// the processes that it may have.
    pub(crate) fn usable(&self) -> Result<(), EngineError> {
        self.steady()?;
        let models: Vec<_> = self.shared.lock().lanes.iter().map(Lane::model).collect();
        models.iter().try_for_each(|model| model.voter.restartable())
    }

    /// Tries every model on the inputs whose votes are known, at the end of a run. Waits for
    /// batches that run: not for an engine that was stopped.
    ///
    /// # Errors
    /// If one's votes depend on more than their own input, or it fails.
    pub(crate) fn try_last(&self) -> Result<(), EngineError> {
        let mut worst = Ok(());
        let mut lanes = self.shared.lock();
        for index in 0..lanes.lanes.len() {
            while !lanes.lanes[index].claim() {
                if let EngineError::Panicked(_) = lanes.ending {
                    return Err(lanes.ending.clone());
                }
                lanes = self.shared.work.wait(lanes).unwrap_or_else(PoisonError::into_inner);
            }
            let model = lanes.lanes[index].model();
            drop(lanes);
            let outcome = caught(|| model.steadiness.try_last(&model.voter));
            lanes = self.shared.lock();
            lanes.lanes[index].release();
            self.shared.work.notify_all();
            let outcome = outcome.map_err(EngineError::from).flatten();
            // What one model fails on must not hide how another votes.
            if worst.is_ok() || matches!(outcome, Err(EngineError::Unsteady { .. })) {
                worst = outcome;
            }
        }
        worst
    }

    /// Time that models have run so far on what was asked for, per model that can run at once.
    pub(crate) fn model_time(&self) -> Duration {
        let models: Vec<_> = self.shared.lock().lanes.iter().map(Lane::model).collect();
        let at_once = models.iter().map(|model| self.calls_at_once(model));
        let slots = at_once.sum::<usize>().clamp(1, self.workers.len());
        let busy: Duration = models.iter().map(|model| model.busy()).sum();
        busy / u32::try_from(slots).unwrap_or(u32::MAX)
    }

    /// What each model has run so far.
    pub(crate) fn batches(&self) -> Vec<Batches> {
        self.shared.lock().lanes.iter().map(|lane| lane.model().batches()).collect()
    }

    /// How many batches of a model run at once.
    fn calls_at_once(&self, model: &Model) -> usize {
        match model.voter.concurrency() {
            0 => self.workers.len(),
            limit => limit.min(self.workers.len()),
        }
    }

    /// What stops it, from anywhere.
    pub(crate) fn stopper(&self) -> Stopper {
        Stopper::new(&self.shared)
    }

    /// Rows that are under way when the models are kept busy, of the model with the most.
    pub(crate) fn rows_at_once(&self) -> usize {
        let lanes = self.shared.lock();
        let workers = self.workers.len();
        lanes.lanes.iter().map(|lane| lane.rows_at_once(workers)).max().unwrap_or(1)
    }

    /// Inputs per batch of the model with the largest batches.
    pub(crate) fn largest_batch(&self) -> usize {
        let lanes = self.shared.lock();
        lanes.lanes.iter().map(|lane| lane.model().voter.batch()).max().unwrap_or(1)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Workers end their batches before they are joined.
        let _ = self.stopper().stop(Duration::ZERO);
        for worker in self.workers.drain(..) {
            // One that panicked has told all that waited.
            let _ = worker.join();
        }
    }
}
