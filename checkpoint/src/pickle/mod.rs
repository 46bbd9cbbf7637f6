//! Python's pickle format as data: a machine that knows no code.
//!
//! * `bytes`: reading forwards through the file.
//! * `value`: what a pickle builds, in one flat list.
//! * `globals`: the only names of Python that a pickle may ask for.
//! * `call`: what calling each of these gives.
//! * `machine`: the opcodes; `operands`: what they work on.

mod bytes;
mod call;
mod globals;
mod machine;
mod operands;
mod value;

pub(crate) use bytes::Bytes;
pub(crate) use machine::load;
pub(crate) use value::{Heap, Id, Storage, TensorRef, Value};
