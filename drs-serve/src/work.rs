//! A place in the queue, threads that ask the router, deadlines, and requests that are gone.
//!
//! Every input that is accepted has a thread to wait on while the engine draws for it: so many
//! at once as fill the batches. More wait in a queue, of a fixed length, for one of these threads. Batches
//! are shared by all inputs under way, whoever sent them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use drs_core::noise::Seed;
use drs_progress::say;
use drs_router::{Certify, EngineError, RouteError, Timed, UnderWay};
use drs_run::Question;
use futures_util::future::try_join_all;
use tokio::sync::{Semaphore, watch};

use crate::answered::Answered;
use crate::asked::Asked;
use crate::error::{Kind, Refusal};
use crate::input::Encoded;
use crate::metrics::Metrics;
use crate::served::Pool;

/// The least time after which to try again.
const SOON: Duration = Duration::from_secs(1);

/// Who may be answered, and who waits.
pub(crate) struct Work {
    threads: Arc<Semaphore>,
    /// Inputs that were accepted and are not answered yet.
    accepted: AtomicUsize,
    most: usize,
    most_time: Duration,
    /// Set when whatever runs is to be cut: the server ends.
    ending: watch::Sender<bool>,
    metrics: Arc<Metrics>,
}

/// Inputs that were accepted; gives their places back.
struct Places<'a>(&'a Work, usize);

impl Drop for Places<'_> {
    fn drop(&mut self) {
        self.0.accepted.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// Ends the draws for a request that is over: because it is answered, or because its sender is gone.
struct Ends<'a>(&'a [Arc<UnderWay>]);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|under_way| under_way.end());
    }
}

impl Work {
    pub(crate) fn new(
        at_once: usize,
        queue: usize,
        most_time: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            threads: Arc::new(Semaphore::new(at_once)),
            accepted: AtomicUsize::new(0),
            most: at_once.saturating_add(queue),
            most_time,
            ending: watch::Sender::new(false),
            metrics,
        }
    }

    /// Cuts whatever runs, and what comes later at once.
    pub(crate) fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Inputs that were accepted and are not answered yet.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Answers a question about inputs, each with the view of its votes that `under_way` has.
    ///
    /// Dropping the future ends the draws.
    pub(crate) async fn answer(
        &self,
        pool: &Arc<Pool>,
        inputs: Vec<Encoded>,
        asked: &Asked,
        under_way: &[Arc<UnderWay>],
        arrived: Instant,
    ) -> Result<Vec<Answered>, Refusal> {
        let _places = self.accept(inputs.len())?;
        let _ends = Ends(under_way);
        let seed = asked.question.seed.map_or_else(fresh, Ok)?;
        let started = AtomicUsize::new(0);
        let count = inputs.len();
        let each =
            inputs.into_iter().zip(under_way).enumerate().map(|(index, (input, watched))| {
                let job = Job {
                    pool: Arc::clone(pool),
                    question: asked.question.clone(),
                    seed,
                    under_way: Arc::clone(watched),
                    place: (count > 1).then_some(index),
                };
                self.one(job, input, &started, arrived)
            });
        let mut all = std::pin::pin!(try_join_all(each));
        let most = asked.deadline.map_or(self.most_time, |deadline| deadline.min(self.most_time));
        let mut ending = self.ending.subscribe();
        let ends = tokio::select! {
            done = &mut all => return done,
            () = tokio::time::sleep_until((arrived + most).into()) => false,
            _ = ending.wait_for(|ending| *ending) => true,
        };
        // Those that wait for a thread have nothing to be answered with.
        if started.load(Ordering::Relaxed) < count {
            return Err(match ends {
                true => Refusal::new(Kind::Ending, "the server ends"),
                false => Refusal::new(Kind::Late, "the deadline passed in the queue"),
            });
        }
        under_way.iter().for_each(|under_way| under_way.end());
        let done = all.await;
        done.map_err(|refusal| match refusal.kind {
            // Another server may answer.
            Kind::Late if ends => Refusal::new(Kind::Ending, "the server ends"),
            _ => refusal,
        })
    }

    /// Takes places in the queue, if there are so many.
    fn accept(&self, count: usize) -> Result<Places<'_>, Refusal> {
        if *self.ending.borrow() {
            return Err(Refusal::new(Kind::Ending, "the server ends"));
        }
        if count > self.most {
            return Err(Refusal::invalid(format!(
                "{count} images found, expected at most {}: more never have room at a time",
                self.most
            )));
        }
        let fits = |accepted: usize| Some(accepted + count).filter(|all| *all <= self.most);
        match self.accepted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(Places(self, count)),
            Err(accepted) => {
                // What waits is answered at the pace so far.
                let waits = accepted as f64 * self.metrics.seconds_per_input();
                let after = Duration::from_secs_f64(waits.clamp(0.0, 3600.0)).max(SOON);
                Err(Refusal::new(
                    Kind::Busy(after),
                    format!(
                        "the queue is full: {accepted} images are under way or wait, {} may; try again in {} s",
                        self.most,
                        after.as_secs_f64().ceil()
                    ),
                ))
            }
        }
    }

    /// One input: waits for a thread, then for the answer.
    async fn one(
        &self,
        job: Job,
        input: Encoded,
        started: &AtomicUsize,
        arrived: Instant,
    ) -> Result<Answered, Refusal> {
        let closed = || Refusal::new(Kind::Ending, "the server ends");
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| closed())?;
        started.fetch_add(1, Ordering::Relaxed);
        let waited = arrived.elapsed();
        let answer = move || {
            // Held until the thread is free, whatever becomes of the request.
            let _thread = thread;
            job.answer(input, waited)
        };
        let done = tokio::task::spawn_blocking(answer).await;
        let done =
            done.unwrap_or_else(|_| Err(Refusal::new(Kind::Failed, "a mistake in drs itself")));
        // Whoever runs the server should know, not only the client.
        if let Err(Refusal { kind: Kind::Failed, message }) = &done {
            say!("error: {message}");
        }
        done
    }
}

/// What a thread does for one input.
struct Job {
    pool: Arc<Pool>,
    question: Question,
    seed: Seed,
    under_way: Arc<UnderWay>,
    /// Among those of its request, where there are several.
    place: Option<usize>,
}

impl Job {
    fn answer(self, input: Encoded, waited: Duration) -> Result<Answered, Refusal> {
        let told = |kind: Kind, problem: String| match self.place {
            Some(place) => Refusal::new(kind, format!("image {place}: {problem}")),
            None => Refusal::new(kind, problem),
        };
        let decoded = input.decode(self.pool.config.input);
        let decoded = decoded.map_err(|problem| told(Kind::Invalid, problem))?;
        let Question { method, protocol, .. } = &self.question;
        let question = Certify { method: *method, protocol, seed: self.seed };
        let asked = self.pool.router.ask_from(Arc::new(decoded.input), &question, &self.under_way);
        let timed = asked.map_err(|error| match error {
            RouteError::Votes(EngineError::TimeUp) => told(Kind::Late, error.to_string()),
            RouteError::Protocol(_) => told(Kind::Invalid, error.to_string()),
            _ => told(Kind::Failed, error.to_string()),
        })?;
        let Timed { outcome: certificate, time: seconds, latency } = timed;
        let name = format!("image {}", self.place.unwrap_or(0));
        Ok(Answered {
            certificate,
            distance: decoded.distance,
            note: decoded.note,
            name,
            seconds,
            latency,
            waited,
        })
    }
}

/// A seed from the system's entropy.
fn fresh() -> Result<Seed, Refusal> {
    let mut bytes = [0; 32];
    let failed = |error| Refusal::new(Kind::Failed, format!("no entropy from the system: {error}"));
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(Seed::from_bytes(bytes))
}
