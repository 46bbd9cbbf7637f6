//! What libtorch says, for people.

use drs_plugins_api::{Error, ErrorKind};
use tch::TchError;

/// Where the C++ stack trace begins that libtorch adds to its messages.
const TRACE: &str = "Exception raised from";
/// How tch begins a message of libtorch.
const TORCH: &str = "Internal torch error: ";

/// What comes before the cause where a TorchScript operation fails: a trace
/// through files of whoever exported the module.
const INTERPRETER: &str = "The following operation failed in the TorchScript interpreter";
const CAUSE: &str = "\nRuntimeError: ";

/// The message without the stack traces.
pub(crate) fn message(text: &str) -> String {
    let end = text.find(TRACE).unwrap_or(text.len());
    let text = text[..end].strip_prefix(TORCH).unwrap_or(&text[..end]);
    let cause = text.starts_with(INTERPRETER).then(|| text.rsplit_once(CAUSE)).flatten();
    cause.map_or(text, |(_, cause)| cause).trim().to_owned()
}

/// An error of a tensor operation: of the device, such as one without memory.
pub(crate) fn device_error(error: &TchError) -> Error {
    Error::new(ErrorKind::Device, message(&error.to_string()))
}

/// A problem of the model.
pub(crate) fn model_error(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Model, problem)
}
