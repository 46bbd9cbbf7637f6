//! What a request says, whichever wire it came by.

use std::time::Instant;

use serde_json::{Map, Value};

use crate::tensors::{Given, Values};

/// When a request's head was there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived(pub(crate) Instant);

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
