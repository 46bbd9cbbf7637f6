//! What libtorch says, for people.

use drs_plugins_api::{Error, ErrorKind};
use tch::TchError;

/// Where the C++ stack trace begins that libtorch adds to its messages.
const TRACE: &str = "\nException raised from";

/// The message without the stack trace.
pub(crate) fn message(text: &str) -> String {
    let end = text.find(TRACE).unwrap_or(text.len());
    text[..end].trim().to_owned()
}

/// An error of a tensor operation: of the device, such as one without memory.
pub(crate) fn device_error(error: &TchError) -> Error {
    Error::new(ErrorKind::Device, message(&error.to_string()))
}

/// A problem of the model.
pub(crate) fn model_error(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Model, problem)
}
