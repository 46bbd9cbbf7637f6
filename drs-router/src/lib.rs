#![deny(unsafe_op_in_unsafe_fn)]
//! From `experts.toml` to certificates.
//!
//! * [`Config`]: experts.toml, read and validated.
//! * `plugin`: finding, checking and loading expert libraries.
//! * `isolation`: experts in processes of their own. The only `unsafe` code of the host is
//!   in `isolation/memory.rs` and `plugin/library.rs`.
//! * `engine`: noise and votes in fixed padded batches that hold draws of many
//!   inputs and stages.
//! * [`Router`]: all of it together, one input in, one certificate out.

mod config;
mod engine;
#[cfg(unix)]
mod isolation;
mod limits;
mod ordered;
mod plugin;
mod replay;
mod router;
mod shared;
mod term;

pub use config::{Config, ConfigError, ExpertSpec, ModelSpec, RouterSpec};
pub use engine::{EngineError, Throughput};
#[cfg(unix)]
pub use isolation::{ending, serve};
pub use limits::Limits;
pub use ordered::ordered;
pub use plugin::{
    LoadError, LoadedExpert, Opening, find_plugin, load_library, open_model, plugin_folders,
    plugins_in,
};
pub use replay::{Replay, ReplayError};
pub use router::{OpenError, Options, RouteError, Router, Timed, Warning};
pub use term::NamedTerm;
