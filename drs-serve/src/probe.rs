//! Reads bodies as the wires do, for fuzz targets and tests: bytes of any kind give inputs or a
//! refusal.

use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use drs_data::InputSpec;

use crate::error::Refusal;
use crate::input::inputs;
use crate::limits::Held;
use crate::request::Request;

/// As many as a server takes by default.
const MOST_INPUTS: usize = 64;

/// The number of inputs in a body of REST; `header` is its `Inference-Header-Content-Length`.
///
/// # Errors
/// What a client is told.
pub fn rest(body: &[u8], header: Option<&[u8]>, spec: InputSpec) -> Result<usize, String> {
    let mut headers = HeaderMap::new();
    if let Some(value) = header.and_then(|header| HeaderValue::from_bytes(header).ok()) {
        headers.insert("inference-header-content-length", value);
    }
    let read = crate::rest::request(&headers, Bytes::copy_from_slice(body), &Held::default());
    counted(read.map(|(request, _)| request), spec)
}

/// The number of inputs in a message of gRPC.
///
/// # Errors
/// What a client is told.
pub fn grpc(message: &[u8], spec: InputSpec) -> Result<usize, String> {
    counted(crate::grpc::decode(Bytes::copy_from_slice(message)), spec)
}

fn counted(read: Result<Request, Refusal>, spec: InputSpec) -> Result<usize, String> {
    let inputs = read.and_then(|request| inputs(request.inputs, spec, MOST_INPUTS));
    let inputs = inputs.map_err(|refusal| refusal.message)?;
    let count = inputs.len();
    inputs.into_iter().try_for_each(|input| input.decode(spec).map(drop))?;
    Ok(count)
}
