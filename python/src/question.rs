//! What is asked, from keyword arguments of Python, which come as JSON.

use drs_core::noise::Seed;
use drs_run::Arguments;
use pyo3::prelude::*;

use crate::{runtime_error, value_error};

/// Keyword arguments.
pub(crate) fn parse(json: &str) -> PyResult<Arguments> {
    serde_json::from_str(json).map_err(value_error)
}

/// A seed from the system's entropy.
pub(crate) fn fresh() -> PyResult<Seed> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| runtime_error(format!("no entropy from the system: {error}")))?;
    Ok(Seed::from_bytes(bytes))
}
