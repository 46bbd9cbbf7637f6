//! Result files, ours and published ones.

use std::path::PathBuf;

use drs_analysis::{Curve, Log};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::value_error;

/// A log of certification, read.
#[pyclass(frozen)]
pub(crate) struct NativeLog {
    log: Log,
    curve: Curve,
}

#[pymethods]
impl NativeLog {
    /// Reads a log: records (.jsonl) or a table, gzipped or not.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let read = || drs_analysis::check_steady(&path).and_then(|()| Log::read(&path));
        let log = py.detach(read).map_err(value_error)?;
        let curve = Curve::of(&log);
        Ok(Self { log, curve })
    }

    #[getter]
    fn name(&self) -> &str {
        &self.log.name
    }

    /// What the reader should know.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.log.notes.clone()
    }

    /// Whether every row has its true class.
    #[getter]
    fn is_labelled(&self) -> bool {
        self.log.is_labelled()
    }

    /// A dictionary for each input.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let row = |row: &drs_analysis::Row| {
            let told = PyDict::new(py);
            told.set_item("idx", row.index)?;
            told.set_item("label", row.label)?;
            told.set_item("predict", row.predict)?;
            told.set_item("radius", row.radius)?;
            told.set_item("correct", row.label.map(|_| row.correct()))?;
            told.set_item("time", row.seconds)?;
            told.set_item("draws", row.draws)?;
            let routing = row.routing.as_ref();
            told.set_item("expert", routing.and_then(|routing| routing.expert.as_deref()))?;
            told.set_item("route_radius", routing.map(|routing| routing.route_radius))?;
            Ok(told)
        };
        self.log.rows.iter().map(row).collect()
    }

    /// The share of inputs that are right with a radius of at least this.
    fn accuracy(&self, radius: f64) -> f64 {
        self.curve.accuracy(radius)
    }

    /// The share that there may be with all draws.
    fn most(&self, radius: f64) -> f64 {
        self.curve.most(radius) as f64 / self.curve.inputs() as f64
    }

    /// Pairs: up to this radius, from the one before, there is this accuracy.
    fn steps(&self) -> Vec<(f64, f64)> {
        self.curve.steps().collect()
    }

    /// The same of what there may be with all draws.
    fn most_steps(&self) -> Vec<(f64, f64)> {
        self.curve.most_steps().collect()
    }

    /// Radii that were decided one by one; none where all is decided, or none is.
    fn decided(&self) -> Vec<f64> {
        self.curve.decided().to_vec()
    }

    /// Whether more draws could certify no more at any radius.
    fn is_decided(&self) -> bool {
        self.curve.is_decided()
    }

    fn average_radius(&self) -> f64 {
        self.curve.average_radius()
    }
}
