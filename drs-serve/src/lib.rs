#![forbid(unsafe_code)]
//! Certified predictions over the network: the Open Inference Protocol, version 2, by REST and gRPC.
//!
//! A request goes one way: wire, `request`, `asked` and `input`, `work`, `answer`, wire.
//!
//! * [`Settings`]: where to listen, and what a request may take.
//! * `served`: the pool and the models that stand for it; a reload puts another in its place.
//! * `request`: what a request says, whichever wire it came by.
//! * `tensors`: values of tensors, and how both wires write them.
//! * `asked`: parameters as a question; `input`: tensors as inputs.
//! * `work`: a place in the queue, threads that ask the router, deadlines, requests that are gone.
//! * `server`: one request, from its tensors to its answer.
//! * `answer`: what comes of it, as tensors.
//! * `rest`, `grpc`: the two wires; `codec`: messages of gRPC, bounded before they are read; `facts`: what both tell of the models. `page`: the page at `/`.
//! * `door`: what every request passes; `limits`: bodies that are too large or too slow, tokens, hosts; `connections`: how many.
//! * `metrics`: what happened, for Prometheus and Triton's clients; `access`: a line for each request; `traces`: spans for OpenTelemetry.
//! * `run`: listening, signals, the end.
//!
//! Statistics, models and batches are [`drs_router`]'s. This crate draws nothing itself.

mod access;
mod answer;
mod answered;
mod asked;
mod codec;
mod connections;
mod door;
mod error;
mod facts;
mod grpc;
mod input;
mod limits;
mod metrics;
mod page;
#[doc(hidden)]
pub mod probe;
mod request;
mod rest;
mod run;
mod served;
mod server;
mod settings;
mod tensors;
mod traces;
mod work;

pub use error::ServeError;
pub use run::serve;
pub use served::Opened;
pub use settings::{Settings, Tls};
