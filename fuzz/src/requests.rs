//! What clients send to `drs serve`.

use drs_core::lattice::{Quantum, Shape};
use drs_data::InputSpec;
use drs_serve::probe;

use super::parts;

fn spec() -> InputSpec {
    let shape = Shape::new([1, 2, 2]).expect("a shape");
    InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None }
}

/// A header that tells the JSON's length, if there is one, and a body.
pub fn request_rest(data: &[u8]) {
    let (header, body) = parts(data);
    let _ = probe::rest(body, (!header.is_empty()).then_some(header), spec());
}

/// A message.
pub fn request_grpc(data: &[u8]) {
    let _ = probe::grpc(data, spec());
}
