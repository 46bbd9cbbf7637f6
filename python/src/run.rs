//! Certifying a data set into files, as `drs certify` does.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use drs_core::sampling::{Stopping, USUAL_RADII};
use drs_data::{Brought, Classes, Dataset, OpenOptions, Subset};
use drs_router::start_thread;
use drs_run::{Arguments, Ending, Event, Run, RunError, Site, Stop};
use pyo3::prelude::*;
use serde_json::json;

use crate::engine::{Engine, NoEngine};
use crate::inputs::Items;
use crate::question::fresh;
use crate::{runtime_error, value_error, wait};

/// What a run is about, beside the question.
#[derive(FromPyObject)]
pub(crate) struct RunArguments {
    /// The table, `.tsv`.
    out: PathBuf,
    /// A path, or an object with a length whose items are arrays or paths.
    data: Py<PyAny>,
    /// For objects: a class for each input.
    labels: Option<Vec<usize>>,
    /// For objects: the names of these classes.
    names: Option<Vec<String>>,
    /// What messages call an object.
    name: String,
    /// For paths.
    split: String,
    start: usize,
    skip: usize,
    max: Option<usize>,
    shard: Option<String>,
    overwrite: bool,
    /// How classes are matched: `by-name`, `by-place`, or names.
    classes: Option<String>,
    /// Is told what happens: a kind, then text.
    tell: Py<PyAny>,
}

/// Certifies what is left of a run. JSON of how it ended.
pub(crate) fn certify(
    py: Python<'_>,
    engine: &Engine,
    asked: &Arguments,
    arguments: RunArguments,
) -> PyResult<String> {
    let shard = arguments.shard.as_deref().map(str::parse).transpose().map_err(value_error)?;
    let path: Option<PathBuf> = arguments.data.extract(py).ok();
    let reads: Vec<PathBuf> =
        path.clone().into_iter().chain([engine.config.path.clone()]).collect();
    let reads: Vec<_> = reads.iter().map(PathBuf::as_path).filter(|path| path.exists()).collect();
    let site = Site::new(&arguments.out, shard, arguments.overwrite, reads.into_iter());
    let site = site.map_err(failed)?;
    let router = engine.router(py).map_err(|error| {
        let noted = match &error {
            NoEngine::Open(error) => {
                error.unsteady().map(|models| site.note_unsteady(models, &error.to_string()))
            }
            NoEngine::Python(_) => None,
        };
        match noted {
            Some(Err(problem)) => failed(problem),
            _ => PyErr::from(error),
        }
    })?;
    let usual = Stopping::Radii(USUAL_RADII.to_vec());
    let question = asked.question(router.pool(), engine.config.split, usual);
    let question = question.map_err(value_error)?;
    let data = py.detach(|| dataset(path, &arguments, engine, router.classes()))?;
    let warnings = router.warnings().iter().map(ToString::to_string);
    for note in data.notes().iter().cloned().chain(warnings) {
        arguments.tell.call1(py, ("note", note))?;
    }
    let seed = match (question.seed, site.begun()) {
        (None, Some(begun)) => begun.seed,
        (None, None) if shard.is_some_and(|shard| shard.of() > 1) => {
            return Err(value_error(
                "shard without seed: shards of one run need the same, such as seed=0",
            ));
        }
        (seed, _) => seed.map_or_else(fresh, Ok)?,
    };
    let RunArguments { start, skip, max, ref tell, .. } = arguments;
    let Some(skip) = std::num::NonZero::new(skip) else {
        return Err(value_error("skip = 0 found, expected at least 1"));
    };
    let subset = Subset { start, skip: skip.into(), max };
    let (input, blend) = (engine.config.input, engine.config.blend.clone());
    let asked = drs_run::Asked {
        method: question.method,
        protocol: question.protocol,
        seed,
        input,
        blend,
        subset,
    };
    let (events, told) = channel();
    let told = Mutex::new(told);
    let stop = Stop::new();
    let stopped = stop.clone();
    let work = move || {
        let tell = events.clone();
        let told = Arc::new(move |event: Event<'_>| say(&tell, &event));
        let run = Run::open(site, &router, &data, &asked, env!("CARGO_PKG_VERSION"), told);
        let ended = run.and_then(|run| run.go_on(&stopped));
        // Whoever was interrupted twice listens no more.
        let _ = events.send(Told::Ended(ended));
    };
    engine.keep(start_thread("run", work).map_err(runtime_error)?);
    let ended = listen(py, &told, &stop, tell.bind(py));
    // Whatever raised it stopped the engine too.
    ended.inspect_err(|_| engine.halt(py)).and_then(|ended| ending(py, engine, ended))
}

/// What the run's thread tells.
enum Told {
    Event(&'static str, String),
    Ended(Result<Ending, RunError>),
}

fn say(tell: &Sender<Told>, event: &Event<'_>) {
    let told = match event {
        Event::Begun { inputs, done } => {
            Told::Event("begun", json!({ "inputs": inputs, "done": done.inputs }).to_string())
        }
        Event::Done(record) => {
            Told::Event("done", serde_json::to_string(record).unwrap_or_default())
        }
        Event::Rested => return,
        words => Told::Event("say", words.to_string()),
    };
    let _ = tell.send(told);
}

/// Passes on what happens until the run has ended. An exception stops the run first.
fn listen(
    py: Python<'_>,
    told: &Mutex<std::sync::mpsc::Receiver<Told>>,
    stop: &Stop,
    tell: &Bound<'_, PyAny>,
) -> PyResult<Result<Ending, RunError>> {
    let mut raised = None;
    loop {
        let heard = match wait::next(py, told) {
            Ok(Some(Told::Ended(ended))) => {
                let Some(raised) = raised else { return Ok(ended) };
                // That no result holds matters more than who stopped it.
                return match ended {
                    Err(error) if error.is_unsteady() => Ok(Err(error)),
                    _ => Err(raised),
                };
            }
            Ok(Some(Told::Event(kind, text))) => tell.call1((kind, text)).map(drop),
            Ok(None) => return Err(runtime_error("the run ended without a word")),
            Err(raised) => Err(raised),
        };
        if let Err(error) = heard {
            let again = raised.replace(error);
            let halted = py.detach(|| stop.ask());
            if again.is_some() || halted.is_some() {
                // It waits for something of the user's; what is in the files is right.
                return Err(raised.unwrap_or_else(|| runtime_error("the run was given up")));
            }
        }
    }
}

fn dataset(
    path: Option<PathBuf>,
    arguments: &RunArguments,
    engine: &Engine,
    classes: &[String],
) -> PyResult<Dataset> {
    let matching = arguments.classes.as_deref().map_or_else(Classes::default, |text| {
        text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
    });
    let data = match path {
        Some(path) => {
            let options = OpenOptions {
                split: arguments.split.clone(),
                classes: matching,
                ..OpenOptions::default()
            };
            Dataset::open(&path, engine.config.input, &options)
        }
        None => Python::attach(|py| {
            let items = arguments.data.clone_ref(py);
            let count = items.bind(py).len()?;
            let inputs = Box::new(Items { items, count, spec: engine.config.input });
            let (labels, classes) = (arguments.labels.clone(), arguments.names.clone());
            let name = arguments.name.clone();
            PyResult::Ok(Dataset::brought(Brought { name, inputs, labels, classes }, matching))
        })?,
    };
    data.and_then(|data| data.for_experts(classes)).map_err(value_error)
}

fn ending(py: Python<'_>, engine: &Engine, ended: Result<Ending, RunError>) -> PyResult<String> {
    let ended = ended.map_err(|error| {
        // The engine has ended with it.
        engine.halt(py);
        failed(error)
    })?;
    Ok(match ended {
        Ending::Whole => json!({ "ending": "whole" }),
        Ending::Incomplete { done, summary } => {
            json!({ "ending": "incomplete", "done": done, "summary": summary })
        }
        Ending::Stopped { done, of, kept, .. } => {
            engine.halt(py);
            json!({ "ending": "stopped", "done": done, "of": of, "kept": kept })
        }
    }
    .to_string())
}

fn failed(error: RunError) -> PyErr {
    if error.is_usage() { value_error(error.in_full()) } else { runtime_error(error.in_full()) }
}
