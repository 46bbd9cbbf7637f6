//! Answers to many inputs, one by one, in their order.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drs_core::certificate::Certificate;
use drs_core::certify::Prediction;
use drs_core::noise::Seed;
use drs_data::InputSpec;
use drs_router::{Certify, NoThread, Panicked, Predict, Router, Timed, ordered, start_thread};
use drs_run::Question;
use pyo3::prelude::*;
use serde::Serialize;

use crate::engine::Engine;
use crate::inputs::input;
use crate::{runtime_error, wait};

/// An iterator over pairs: JSON of an answer and `None`, or `None` and what went wrong.
#[pyclass(frozen)]
pub(crate) struct Answers {
    engine: Arc<Engine>,
    answers: Mutex<Receiver<Answer>>,
    /// Whether the last of them was told.
    are_all: Arc<AtomicBool>,
}

type Answer = Result<String, String>;

/// What one input gave.
#[derive(Serialize)]
struct Told {
    /// Of the machine.
    seconds: f64,
    /// From start to answer.
    latency: f64,
    /// How far the input that was asked about lies from the one that the certificate is about.
    distance: f64,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Certificate(Box<Certificate>),
    Prediction(Prediction),
}

/// What is wanted of each input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Certificate,
    Prediction,
}

/// How to answer.
pub(crate) struct Work {
    pub(crate) router: Arc<Router>,
    pub(crate) spec: InputSpec,
    pub(crate) question: Question,
    pub(crate) seed: Seed,
    pub(crate) wanted: Wanted,
    /// Whether these are all inputs of a run: the models are then tried once more at its end.
    pub(crate) is_all: bool,
    /// Set when the pool is closed.
    pub(crate) closed: Arc<AtomicBool>,
}

impl Answers {
    /// Begins to answer; `items` is an iterator of Python.
    pub(crate) fn begin(engine: Arc<Engine>, items: Py<PyAny>, work: Work) -> PyResult<Self> {
        // One answer waits to be taken: whoever takes none stops the work.
        let (send, answers) = sync_channel(1);
        let are_all = Arc::<AtomicBool>::default();
        let told = Arc::clone(&are_all);
        let answer = move || {
            let done = answer_all(Items(items), &work, &send);
            told.store(done, Ordering::Release);
        };
        let thread = start_thread("answers", answer).map_err(runtime_error)?;
        engine.keep(thread);
        Ok(Self { engine, answers: Mutex::new(answers), are_all })
    }
}

#[pymethods]
impl Answers {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<(Option<String>, Option<String>)>> {
        let next = wait::next(py, &self.answers).inspect_err(|_| self.engine.halt(py))?;
        Ok(match next {
            Some(Ok(json)) => Some((Some(json), None)),
            Some(Err(problem)) => Some((None, Some(problem))),
            // Once; then the iterator has ended.
            None if !self.are_all.swap(true, Ordering::AcqRel) => {
                let problem = "the pool was closed before all inputs were answered";
                Some((None, Some(problem.to_owned())))
            }
            None => None,
        })
    }
}

/// Tells all answers; whether there was somebody to tell.
fn answer_all(items: Items, work: &Work, send: &SyncSender<Answer>) -> bool {
    let at_once = work.router.inputs_at_once_by(&work.question.protocol);
    let done: Result<(), Ended> = ordered(
        items,
        at_once,
        |item| item.and_then(|item| work.answer(item)),
        |answer| work.tell(send, answer),
    );
    let tried = || work.router.try_last().map_err(|error| Ended::Failed(error.to_string()));
    let problem = match done.and_then(|()| if work.is_all { tried() } else { Ok(()) }) {
        Ok(()) => return true,
        Err(Ended::NobodyListens) => return false,
        Err(Ended::Failed(problem)) => problem,
    };
    // Nobody may listen any more; then nobody needs it.
    work.tell(send, Err(problem)).is_ok()
}

/// How soon a listener that takes its time is looked after again.
const TURN: Duration = Duration::from_millis(2);

enum Ended {
    NobodyListens,
    Failed(String),
}

impl From<Panicked> for Ended {
    fn from(error: Panicked) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<NoThread> for Ended {
    fn from(error: NoThread) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Infallible> for Ended {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Work {
    /// Waits until the answer before was taken, or the pool is closed.
    fn tell(&self, send: &SyncSender<Answer>, mut answer: Answer) -> Result<(), Ended> {
        loop {
            answer = match send.try_send(answer) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(answer)) if !self.closed.load(Ordering::Relaxed) => answer,
                Err(_) => return Err(Ended::NobodyListens),
            };
            std::thread::sleep(TURN);
        }
    }

    fn answer(&self, item: Py<PyAny>) -> Answer {
        let read = Python::try_attach(|py| input(item.bind(py), self.spec));
        let read = read.unwrap_or_else(|| Err("the interpreter has ended".to_owned()))?;
        let (input, distance) = read;
        let (input, seed) = (Arc::new(input), self.seed);
        let Question { method, protocol, .. } = &self.question;
        let told = |timed: Timed<Outcome>| {
            let Timed { outcome, time: seconds, latency } = timed;
            serde_json::to_string(&Told { seconds, latency, distance, outcome })
                .map_err(|e| e.to_string())
        };
        let timed = match self.wanted {
            Wanted::Certificate => {
                let question = Certify { method: *method, protocol, seed };
                let timed = self.router.ask(input, &question);
                timed.map(|timed| timed.map(|outcome| Outcome::Certificate(Box::new(outcome))))
            }
            Wanted::Prediction => {
                let question = Predict { method: *method, protocol, seed };
                self.router.ask(input, &question).map(|timed| timed.map(Outcome::Prediction))
            }
        };
        timed.map_err(|error| error.to_string()).and_then(told)
    }
}

/// An iterator of Python; one that fails ends with its error.
struct Items(Py<PyAny>);

impl Iterator for Items {
    type Item = Result<Py<PyAny>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        Python::try_attach(|py| match self.0.bind(py).call_method0("__next__") {
            Ok(item) => Some(Ok(item.unbind())),
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => None,
            Err(error) => Some(Err(error.to_string())),
        })
        .flatten()
    }
}
