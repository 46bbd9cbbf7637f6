//! Bounds on probabilities, for procedures of the caller's own. All round to the sound side.

use drs_core::bounds;
use drs_core::units::Alpha;
use pyo3::prelude::*;

use crate::{runtime_error, value_error};

/// Lower Clopper–Pearson bound on a probability, one-sided at level `alpha`, rounded down.
#[pyfunction]
pub(crate) fn clopper_pearson_lower(successes: u64, trials: u64, alpha: f64) -> PyResult<f64> {
    let alpha = Alpha::new(alpha).map_err(value_error)?;
    bounds::lower(successes, trials, alpha).map_err(runtime_error)
}

/// p-value of the two-sided test that a coin is fair.
#[pyfunction]
pub(crate) fn two_sided_p_value(successes: u64, trials: u64) -> PyResult<f64> {
    bounds::two_sided_p_value(successes, trials).map_err(runtime_error)
}

/// Φ⁻¹(p), rounded down; p from 0 to 1.
#[pyfunction]
pub(crate) fn normal_quantile(p: f64) -> PyResult<f64> {
    if !(0.0..=1.0).contains(&p) {
        return Err(value_error(format!("p = {p} found, expected 0 to 1")));
    }
    Ok(bounds::quantile_lower(p))
}
