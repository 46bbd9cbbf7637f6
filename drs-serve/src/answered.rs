//! What came of one input.

use std::time::Duration;

use drs_core::certificate::Certificate;

/// What came of one input.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) certificate: Certificate,
    /// How far the input that was sent lies from the one that the certificate is about.
    pub(crate) distance: f64,
    /// What was done to the pixels of its file.
    pub(crate) note: Option<String>,
    /// As its record calls it.
    pub(crate) name: String,
    /// Of the machine.
    pub(crate) seconds: f64,
    /// From its start to its answer, in seconds.
    pub(crate) latency: f64,
    /// For a thread.
    pub(crate) waited: Duration,
}
