//! Waiting without holding the interpreter, and with an ear for Ctrl-C.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

/// How soon Ctrl-C is heard.
const TURN: Duration = Duration::from_millis(50);

/// The next of what comes, `None` once nothing more can.
///
/// # Errors
/// What a signal handler of Python raises, such as `KeyboardInterrupt`.
pub(crate) fn next<T: Send>(py: Python<'_>, from: &Mutex<Receiver<T>>) -> PyResult<Option<T>> {
    loop {
        let receive = || from.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TURN);
        match py.detach(receive) {
            Ok(item) => return Ok(Some(item)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
        }
    }
}
