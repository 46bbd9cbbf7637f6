//! How fast a model is by itself, through the engine, and how fast its noise is; and what it costs
//! to try whether its votes depend on their own input alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drs_core::lattice::LatticeInput;
use drs_core::noise::NoiseStream;
use serde::Serialize;

use super::model::Model;
use super::steadiness::EVERY;
use super::voter::Draws;
use super::{Engine, EngineError};
use crate::panicked::caught;
use crate::scarce::start_scoped;

/// Turns between the raw model, the whole path and the path where every batch is run again:
/// a machine that slows down half-way slows all.
const TURNS: u32 = 4;

/// What one model achieves on this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Throughput {
    /// `router` or the expert's name.
    pub model: String,
    /// Plugin and version.
    pub plugin: String,
    /// Inputs per batch.
    pub batch: usize,
    /// Inputs per second of the model alone, on batches that are there already.
    pub raw: f64,
    /// Votes per second with noise, batching and counting.
    pub path: f64,
    /// `path / raw`.
    pub ratio: f64,
    /// Share of the path's time that goes to running batches again: what one in 1,024 costs, as
    /// measured where every one is.
    pub trials: f64,
    /// Noisy inputs per second that one thread draws; none if the plugin draws.
    pub noise: Option<f64>,
}

/// An amount of work and the time it took.
#[derive(Default)]
struct Tally {
    inputs: u64,
    time: Duration,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.inputs += other.inputs;
        self.time += other.time;
    }

    fn rate(&self) -> f64 {
        self.inputs as f64 / self.time.as_secs_f64()
    }
}

impl Engine {
    /// Measures the model in `lane` for about `time`.
    pub(crate) fn measure(
        &self,
        lane: usize,
        input: &Arc<LatticeInput>,
        stream: &NoiseStream,
        time: Duration,
    ) -> Result<Throughput, EngineError> {
        let model = self.shared.lock().lanes[lane].model();
        let batch = Sample::new(&model, input, stream);
        // First calls, of every thread, allocate and choose algorithms: not counted.
        let warm = self.raw(&model, &batch, Duration::ZERO)?;
        let workers = (self.workers.len() * model.voter.batch()) as u64;
        self.read(lane, Arc::clone(input), stream.clone(), 0, &[workers], &[])
            .votes(&(0..workers))?;
        let noise = (model.voter.buffer() > 0).then(|| noise(&model, input, stream, time / 10));
        let mut paths = [(EVERY, Tally::default()), (1, Tally::default())];
        let mut raw = Tally::default();
        let mut estimate = warm.rate();
        for _ in 0..TURNS {
            let turn = time / (3 * TURNS);
            let found = self.raw(&model, &batch, turn)?;
            estimate = if found.inputs > 0 { found.rate() } else { estimate };
            raw.add(&found);
            let calls = self.calls_at_once(&model);
            let full = (model.voter.batch() * calls) as u64;
            // Each thread has a batch to fill, where few calls are made at once: the first ones wait for that.
            let least = self.workers.len().div_ceil(calls) as u64;
            let rounds = estimate * turn.as_secs_f64() / full as f64;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let rounds = (rounds.ceil() as u64).max(least);
            for (every, path) in &mut paths {
                // Nearly three times the work where every batch is run again. All calls end
                // together: the last ones leave no thread idle.
                let draws = full * if *every == 1 { rounds.div_ceil(2).max(least) } else { rounds };
                model.steadiness.every.store(*every, Ordering::Relaxed);
                let start = Instant::now();
                let reading = self.read(lane, Arc::clone(input), stream.clone(), 0, &[draws], &[]);
                let votes = reading.votes(&(0..draws));
                path.add(&Tally { inputs: draws, time: start.elapsed() });
                model.steadiness.every.store(EVERY, Ordering::Relaxed);
                votes?;
            }
        }
        let (raw, [path, tried]) = (raw.rate(), paths.map(|(_, path)| path.rate()));
        let (batch, ratio) = (model.voter.batch(), path / raw);
        let trials = ((path / tried - 1.0) / EVERY as f64).max(0.0);
        let (model, plugin) = model.voter.names();
        Ok(Throughput { model, plugin, batch, raw, path, ratio, trials, noise })
    }

    /// The model alone, called from as many threads as the engine has and the
    /// model allows; each makes at least one call.
    fn raw(&self, model: &Model, batch: &Sample, time: Duration) -> Result<Tally, EngineError> {
        let threads = self.calls_at_once(model);
        let inputs = AtomicU64::new(0);
        let start = Instant::now();
        let work = || -> Result<(), EngineError> {
            let mut votes = vec![0; model.voter.batch()];
            loop {
                model.voter.votes(&batch.values, &[&batch.draws], &mut votes)?;
                inputs.fetch_add(model.voter.batch() as u64, Ordering::Relaxed);
                if start.elapsed() >= time {
                    return Ok(());
                }
            }
        };
        std::thread::scope(|scope| {
            let call = || caught(work).unwrap_or_else(|panicked| Err(panicked.into()));
            let callers = (0..threads).map(|_| start_scoped(scope, "measure", call));
            let callers: Vec<_> = callers.collect::<Result<_, _>>().map_err(|error| {
                let (model, plugin) = model.voter.names();
                EngineError::Plugin { model, plugin, message: error.to_string() }
            })?;
            callers
                .into_iter()
                .try_for_each(|caller| caller.join().map_err(|_| EngineError::Stopped)?)
        })?;
        Ok(Tally { inputs: inputs.into_inner(), time: start.elapsed() })
    }
}

/// A full batch of noisy inputs.
struct Sample {
    values: Vec<i16>,
    draws: Draws,
}

impl Sample {
    fn new(model: &Model, input: &Arc<LatticeInput>, stream: &NoiseStream) -> Self {
        let (input, stream) = (Arc::clone(input), stream.clone());
        let draws = Draws { input, stream, first: 0, rows: model.voter.batch() };
        let mut sample = Self { values: vec![0; model.voter.buffer()], draws };
        sample.fill(model, &mut Vec::new());
        sample
    }

    fn fill(&mut self, model: &Model, scratch: &mut Vec<u8>) {
        model.voter.fill(&mut self.values, &[&self.draws], scratch);
    }
}

/// Noisy inputs per second on this thread.
fn noise(model: &Model, input: &Arc<LatticeInput>, stream: &NoiseStream, time: Duration) -> f64 {
    let (mut sample, mut scratch) = (Sample::new(model, input, stream), Vec::new());
    let mut tally = Tally::default();
    let start = Instant::now();
    while tally.inputs == 0 || start.elapsed() < time {
        sample.fill(model, &mut scratch);
        tally.add(&Tally { inputs: model.voter.batch() as u64, time: Duration::ZERO });
    }
    tally.time = start.elapsed();
    tally.rate()
}
