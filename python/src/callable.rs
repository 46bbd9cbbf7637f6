//! The plugin `python`: callables of the interpreter as experts.
//!
//! The interpreter is held while a callable runs and while its batch is handed over, at no other
//! time. How a callable is found, called and its output read as votes is in
//! `drs_smoothing/_experts.py`; here are calls at once, and errors.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use drs_plugins_api::abi_stable::std_types::RString;
use drs_plugins_api::{Batch, Context, Error, ErrorKind, Manifest, Plugin};
use numpy::{PyReadonlyArray1, PyReadwriteArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefReference};
use serde_json::{Map, Value};

/// Where Python's half is.
const HALF: &str = "drs_smoothing._experts";

thread_local! {
    /// What the pool keeps that is being opened on this thread: a `Kept` of Python's half, in
    /// which its configuration names callables by their place.
    static KEPT: RefCell<Option<Py<PyAny>>> = const { RefCell::new(None) };
}

/// Does the work, in which experts may be opened that name callables of a pool.
pub(crate) fn with_kept<T>(kept: Option<Py<PyAny>>, work: impl FnOnce() -> T) -> T {
    if let Some(kept) = &kept {
        // Where it fails, what an engine before this one opened is only kept longer.
        Python::try_attach(|py| kept.call_method0(py, "begin").ok());
    }
    KEPT.set(kept);
    let done = work();
    KEPT.take();
    done
}

/// The interpreter and what else has a say in votes, as it stands in certificates.
static INTERPRETER: Mutex<String> = Mutex::new(String::new());

/// JSON of the plugin's facts.
pub(crate) extern "C" fn about() -> RString {
    let interpreter = INTERPRETER.lock().unwrap_or_else(PoisonError::into_inner);
    let version = format!("{} ({interpreter})", env!("CARGO_PKG_VERSION"));
    drs_plugins_api::__private::about::<Callable>(&version)
}

/// Tells which interpreter this is, and which libraries it has loaded by now.
#[pyfunction]
pub(crate) fn runs_on(interpreter: String) {
    *INTERPRETER.lock().unwrap_or_else(PoisonError::into_inner) = interpreter;
}

/// A callable, ready to vote.
pub(crate) struct Callable {
    opened: Opened,
    manifest: Manifest,
}

/// An `Opened` of Python's half.
enum Opened {
    /// Of an experts.toml.
    Own(Py<PyAny>),
    /// Of a pool of Python, which keeps it. An engine that kept it too would keep for ever a
    /// pool to which a callable refers: the interpreter finds no circle that goes through Rust.
    OfPool(Py<PyWeakrefReference>),
}

impl Plugin for Callable {
    const NAME: &'static str = "python";
    type Config = Map<String, Value>;

    fn files(config: &Self::Config, context: &Context) -> Result<Option<Vec<PathBuf>>, Error> {
        attached(|py| {
            let half = py.import(HALF)?;
            let files = half.call_method1("files", (json(config), context.resolve("")))?;
            files.extract().map(Some)
        })
    }

    fn open(config: Self::Config, context: &Context) -> Result<Self, Error> {
        attached(|py| {
            let kept = KEPT.with_borrow(|kept| kept.as_ref().map(|kept| kept.clone_ref(py)));
            let arguments = PyDict::new(py);
            arguments.set_item("shape", context.shape())?;
            arguments.set_item("levels", context.levels())?;
            arguments.set_item("kept", kept)?;
            let opened = py.import(HALF)?.call_method(
                "open_expert",
                (json(&config), context.resolve("")),
                Some(&arguments),
            )?;
            let (sigma, classes) =
                (opened.getattr("sigma")?.extract()?, opened.getattr("classes")?.extract()?);
            let number = |name: &str| opened.getattr(name)?.extract::<usize>();
            let manifest = Manifest::new(sigma, context.shape(), classes, number("batch")?)
                .concurrency(number("calls")?)
                .files(opened.getattr("files")?.extract()?)
                .tolerance(opened.getattr("tolerance")?.extract()?);
            let opened = if config.contains_key("live") {
                Opened::OfPool(PyWeakrefReference::new(&opened)?.unbind())
            } else {
                Opened::Own(opened.unbind())
            };
            Ok(Self { opened, manifest })
        })
    }

    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error> {
        attached(|py| {
            let opened = self.opened.held(py)?;
            let slot = opened.call_method1("take", (batch.padded_rows(),))?;
            let mut lattice: PyReadwriteArray1<'_, i16> = slot.getattr("lattice")?.extract()?;
            lattice.as_slice_mut()?.copy_from_slice(batch.padded());
            drop(lattice);
            let found = slot.call_method1("votes", (votes.len(),))?;
            let found: PyReadonlyArray1<'_, i64> = found.extract()?;
            let found = found.as_slice()?;
            if found.len() != votes.len() {
                let (found, expected) = (found.len(), votes.len());
                return Err(crate::value_error(format!("{found} votes for {expected} inputs")));
            }
            for (vote, &found) in votes.iter_mut().zip(found) {
                let class = u32::try_from(found);
                *vote = class.map_err(|_| crate::value_error(format!("a vote for {found}")))?;
            }
            opened.call_method1("give_back", (slot,))?;
            Ok(())
        })
    }
}

impl Opened {
    fn held<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Own(opened) => Ok(opened.bind(py).clone()),
            Self::OfPool(opened) => {
                let gone = || crate::runtime_error("the pool of this callable was closed");
                opened.bind(py).upgrade().ok_or_else(gone)
            }
        }
    }
}

fn json(config: &Map<String, Value>) -> String {
    Value::Object(config.clone()).to_string()
}

/// Does the work in the interpreter; an exception becomes the error, its traceback a message.
fn attached<T>(work: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T, Error> {
    let ended = || Error::new(ErrorKind::Other, "the interpreter has ended");
    Python::try_attach(|py| work(py).map_err(|error| described(py, &error)))
        .ok_or_else(ended)
        .flatten()
}

fn described(py: Python<'_>, error: &PyErr) -> Error {
    let kind = error.get_type(py);
    let name = kind.name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
    let value = error.value(py);
    let hint = value.getattr("hint").and_then(|hint| hint.extract::<String>());
    let kind =
        if value.getattr("non_finite").is_ok() { ErrorKind::NonFinite } else { ErrorKind::Model };
    // Mistakes that Python's half finds are told in its words; others are the callable's own.
    let Ok(hint) = hint else {
        let place = traced(py, error).map_or_else(String::new, |place| format!(" ({place})"));
        return Error::new(kind, format!("{name}: {value}{place}"));
    };
    let error = Error::new(kind, value.to_string());
    if hint.is_empty() { error } else { error.hint(hint) }
}

/// The line that raised an exception.
fn traced(py: Python<'_>, error: &PyErr) -> Option<String> {
    let traceback = py.import("traceback").ok()?;
    let frames = traceback.call_method1("extract_tb", (error.traceback(py)?,)).ok()?;
    let last = frames.try_iter().ok()?.last()?.ok()?;
    let file: String = last.getattr("filename").ok()?.extract().ok()?;
    let line: usize = last.getattr("lineno").ok()?.extract().ok()?;
    Some(format!("{file}, line {line}"))
}
