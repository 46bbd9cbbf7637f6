//! The native half of the Python package `drs_smoothing`.
//!
//! Thin: everything is done by the crates below. Here is what Python needs of them, and how
//! Python's callables become experts.
//!
//! * `callable.rs`: the plugin `python`.
//! * `pool.rs`: a pool of experts and what may be asked of it; `engine.rs`: its engine.
//! * `question.rs`: methods and numbers of draws, from keyword arguments.
//! * `answers.rs`: answers to many inputs, one by one.
//! * `inputs.rs`: arrays as inputs.
//! * `run.rs`: certifying a data set into files; `logs.rs`: reading them.
//! * `statistics.rs`: the bounds, for procedures of the caller's own.
//! * `command.rs`: the command `drs`, in the interpreter's process.
//! * `packages.rs`: packages of experts, installed and looked at.
//! * `wait.rs`: waiting without holding the interpreter, and with an ear for Ctrl-C.

mod answers;
mod callable;
mod command;
mod engine;
mod inputs;
mod logs;
mod packages;
mod pool;
mod question;
mod run;
mod statistics;
mod wait;

use pyo3::prelude::*;

/// The native half of drs_smoothing. Not for users: names and arguments may change.
#[pymodule]
mod _drs {
    #[pymodule_export]
    use crate::answers::Answers;
    #[pymodule_export]
    use crate::callable::runs_on;
    #[pymodule_export]
    use crate::command::{install, main};
    #[pymodule_export]
    use crate::engine::close_all;
    #[pymodule_export]
    use crate::logs::NativeLog;
    #[pymodule_export]
    use crate::packages::{install_package, installed_packages, package};
    #[pymodule_export]
    use crate::pool::NativePool;
    #[pymodule_export]
    use crate::statistics::{clopper_pearson_lower, normal_quantile, two_sided_p_value};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

/// An error of drs as Python's `ValueError` or `RuntimeError`.
fn value_error(error: impl std::fmt::Display) -> PyErr {
    pyo3::exceptions::PyValueError::new_err(error.to_string())
}

fn runtime_error(error: impl std::fmt::Display) -> PyErr {
    pyo3::exceptions::PyRuntimeError::new_err(error.to_string())
}
