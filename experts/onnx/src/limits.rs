//! What a model may take.

use std::path::Path;
use std::time::Duration;

use drs_onnx_files::over_budget;
use drs_plugins_api::{Error, ErrorKind};

use crate::guard::{Limits, Stopped};

/// A model that takes longer than this for two or three inputs would take years for a data set.
const TRIAL: Duration = Duration::from_secs(45);

/// Bytes of memory: the host tells its budget to all that it loads or starts.
pub(crate) fn memory() -> u64 {
    drs_memory::budget()
}

/// While a model is opened: it must come to an end.
pub(crate) fn opening() -> Limits {
    Limits { memory: memory(), time: Some(TRIAL) }
}

/// While it votes: the host knows how long that may take.
pub(crate) fn voting() -> Limits {
    Limits { memory: memory(), time: None }
}

/// The error of what was given up.
pub(crate) fn error(path: &Path, what: &str, stopped: Stopped) -> Error {
    match stopped {
        Stopped::Memory(wanted) => over_budget(path, what, wanted, memory()),
        Stopped::Time(time) => {
            let seconds = time.as_secs();
            let message = format!(
                "{}: {what} did not end in {seconds} s: a loop without end, or a model that is too large for this machine",
                path.display()
            );
            Error::new(ErrorKind::Model, message)
        }
        Stopped::Panic(words) => {
            let message = format!(
                "{}: {what} failed inside rten, which runs the model: {words}",
                path.display()
            );
            let hint = "the file may be damaged: copy or export it again; if it is not, report this to the plugin's publisher";
            Error::new(ErrorKind::Panic, message).hint(hint)
        }
        Stopped::Before => {
            let message = format!(
                "{}: {what} was not tried, since another model was given up: mend that one first",
                path.display()
            );
            Error::new(ErrorKind::Other, message)
        }
        Stopped::NoThread(error) => {
            let message = format!("{}: no thread to run it on: {error}", path.display());
            Error::new(ErrorKind::Other, message)
        }
    }
}
