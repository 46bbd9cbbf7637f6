//! Experts in processes of their own.
//!
//! A plugin that aborts, crashes, hangs or exits takes its worker process with it, not
//! the run: what it was asked becomes an error, and the next question goes to a fresh
//! worker. What a plugin has started ends with its worker: they are one process group. Each worker answers one question at a time; as many are started as are asked
//! at once. The noisy batches go through shared memory, which the host only writes;
//! everything else, votes too, goes through a socket.

mod channel;
mod group;
mod memory;
mod process;
mod wire;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment};
use drs_plugins_api::{Manifest, PluginInfo};

use crate::limits::Limits;
use crate::plugin::{Failure, Opening};
use crate::program::Program;
use crate::scarce::told;
use process::Process;
pub use process::ending;
use wire::{Reply, Request, Segment, Table};
pub use worker::serve;

/// Reserves the memory of one batch of large images, as an isolated plugin shares it with its host, and gives it
/// back: whether isolation can work here.
///
/// # Errors
/// If it cannot be had; the error says from where.
pub fn try_shared_memory() -> std::io::Result<()> {
    memory::Lent::new(64 * 3 * 224 * 224).map(drop)
}

/// An expert whose plugin lives in other processes.
pub(crate) struct Isolated {
    program: Program,
    opening: Opening,
    limits: Limits,
    info: PluginInfo,
    manifest: Manifest,
    /// Length of one input.
    values: usize,
    restarts: AtomicUsize,
    idle: Mutex<Vec<Process>>,
}

/// A worker process that has not opened its model yet.
pub(crate) struct Worker {
    process: Process,
    program: Program,
    limits: Limits,
}

/// What a first worker found.
pub(crate) struct Opened {
    worker: Worker,
    pub(crate) info: PluginInfo,
    pub(crate) manifest: Manifest,
}

impl Worker {
    /// Starts one: `drs` serves when its first argument says so.
    pub(crate) fn start(program: &Program, limits: Limits) -> Result<Self, Failure> {
        // No plugin's doing: another input would fare no better.
        let process = Process::start(program).map_err(|error| {
            let (program, error) = (program.path().display(), told(&error));
            Failure::Plugin(format!(
                "no worker process could be started: {program}: {error}; fewer --threads need fewer"
            ))
        })?;
        Ok(Self { process, program: program.clone(), limits })
    }

    /// The files that a model is made of, as its plugin tells; `None` if it does not.
    pub(crate) fn files(&mut self, opening: &Opening) -> Result<Option<Vec<PathBuf>>, Failure> {
        let request = Request::Files(opening.clone());
        match self.process.ask(&request, self.limits.patience() * 10)? {
            Reply::Files(files) => Ok(files),
            other => Err(unexpected(&other)),
        }
    }

    /// Opens the model.
    pub(crate) fn open(mut self, opening: &Opening) -> Result<Opened, Failure> {
        let request = Request::Open(opening.clone());
        match self.process.ask(&request, self.limits.patience() * 10)? {
            Reply::Opened { info, manifest } => Ok(Opened { worker: self, info, manifest }),
            other => Err(unexpected(&other)),
        }
    }
}

impl Isolated {
    pub(crate) fn new(opening: Opening, opened: Opened) -> Self {
        let Opened { worker, info, manifest } = opened;
        let Worker { process, program, limits } = worker;
        let values = opening.shape.iter().product();
        Self {
            program,
            opening,
            limits,
            info,
            manifest,
            values,
            restarts: AtomicUsize::new(0),
            idle: Mutex::new(vec![process]),
        }
    }

    /// Classifies the first `votes.len()` inputs of a padded batch.
    pub(crate) fn vote(&self, batch: &[i16], votes: &mut [u32]) -> Result<(), Failure> {
        self.with_worker(votes, |process, rows| {
            process.lend(batch.len(), self.limits.patience(), |values| {
                values.copy_from_slice(batch)
            })?;
            process.ask(&Request::Vote { values: batch.len(), rows }, self.limits.patience())
        })
    }

    /// Draws the noise of the segments, padded to `padded_rows`, and classifies.
    pub(crate) fn draw(
        &self,
        noise: &AbiNoiseTable<'_>,
        segments: &[AbiSegment<'_>],
        padded_rows: usize,
        votes: &mut [u32],
    ) -> Result<(), Failure> {
        let own = |segment: &AbiSegment<'_>| Segment {
            key: segment.key,
            first: segment.first,
            rows: segment.rows,
        };
        let request = Request::Draw {
            inputs: self.values * segments.len(),
            segments: segments.iter().map(own).collect(),
            padded_rows,
        };
        self.with_worker(votes, |process, _| {
            if !process.knows_noise {
                let table = Table {
                    cells: noise.cells.to_vec(),
                    thresholds_high: noise.thresholds_high.to_vec(),
                    thresholds_low: noise.thresholds_low.to_vec(),
                    lowest: noise.lowest,
                };
                match process.ask(&Request::Noise(table), self.limits.patience())? {
                    Reply::Done => process.knows_noise = true,
                    other => return Err(unexpected(&other)),
                }
            }
            let inputs = self.values * segments.len();
            process.lend(inputs, self.limits.patience(), |values| {
                for (own, segment) in values.chunks_exact_mut(self.values).zip(segments) {
                    own.copy_from_slice(&segment.input);
                }
            })?;
            process.ask(&request, self.limits.patience())
        })
    }

    /// Asks an idle worker, or a new one. One that fails to answer is not asked again.
    fn with_worker(
        &self,
        votes: &mut [u32],
        ask: impl FnOnce(&mut Process, usize) -> Result<Reply, Failure>,
    ) -> Result<(), Failure> {
        let idle = self.idle().pop();
        let mut process = idle.map_or_else(|| self.another(), Ok)?;
        let outcome = match ask(&mut process, votes.len()) {
            Ok(Reply::Votes(own)) if own.len() == votes.len() => {
                votes.copy_from_slice(&own);
                Ok(())
            }
            Ok(other) => Err(unexpected(&other)),
            Err(failure) => Err(failure),
        };
        match &outcome {
            Err(Failure::Lost(problem)) => {
                drop(process);
                let used = self.restarts.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::warn!(plugin = self.info.name, "{problem}; restart {used}");
            }
            _ => self.idle().push(process),
        }
        outcome
    }

    /// Whether another worker may be started when one is lost.
    pub(crate) fn restartable(&self) -> Result<(), Failure> {
        let (used, limit) = (self.restarts.load(Ordering::Relaxed), self.limits.restarts);
        if used <= limit {
            return Ok(());
        }
        Err(Failure::Lost(format!(
            "its worker was lost {used} times, more than the {limit} restarts that experts.toml allows (isolation.restarts): look at its messages, and run `drs expert check`"
        )))
    }

    /// One more worker, whose model must be the one that the first worker opened.
    fn another(&self) -> Result<Process, Failure> {
        self.restartable()?;
        // From the copies that the first one opened.
        let worker = Worker::start(&self.program, self.limits)?;
        let Opened { worker, manifest, .. } = worker.open(&self.opening)?;
        if manifest != self.manifest {
            return Err(Failure::Plugin(
                "opened again, its manifest is another: it must depend on nothing but its configuration and files".to_owned(),
            ));
        }
        Ok(worker.process)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Process>> {
        // A push or a pop cannot stop half-way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unexpected(reply: &Reply) -> Failure {
    match reply {
        Reply::Failed(problem) => Failure::Plugin(problem.clone()),
        _ => Failure::Lost("its worker answered another question than it was asked".to_owned()),
    }
}
