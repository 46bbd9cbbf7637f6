//! What a request says, whichever wire it came by.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::tensors::{Given, Values};
use crate::traces::Trace;

/// A request whose head is there.
#[derive(Clone)]
pub(crate) struct Arrived {
    /// When it was.
    pub(crate) at: Instant,
    pub(crate) trace: Trace,
}

impl Arrived {
    pub(crate) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }
}

/// A question in tensors.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) inputs: Vec<Input>,
    /// The outputs that are wanted; all but the certificate where none is named.
    pub(crate) outputs: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) datatype: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) values: Given,
}

/// An answer in tensors.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) outputs: Vec<Output>,
}

#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) name: &'static str,
    pub(crate) values: Values,
    /// How many there are: one for each input.
    pub(crate) count: usize,
}
