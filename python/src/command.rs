//! The command `drs`, in the interpreter's own process.

use std::ffi::OsString;
use std::path::PathBuf;

use drs_plugins_api::__private;
use drs_router::{Program, host_plugin};
use pyo3::prelude::*;

use crate::callable::{Callable, about};

/// Tells, once, where this package is and what runs it. `library` is the file of this module,
/// `folder` that of the plugins that come with it, `program` and `arguments` start `drs` in an interpreter.
#[pyfunction]
pub(crate) fn install(
    library: PathBuf,
    folder: PathBuf,
    program: PathBuf,
    arguments: Vec<OsString>,
) {
    Program::settle(program, arguments, folder);
    host_plugin("python", library, __private::module::<Callable>(about));
}

/// Runs the command of these arguments, the program's name first; its exit code.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    // Experts that are callables take the interpreter when they run.
    py.detach(|| drs_cli::run(arguments))
}
