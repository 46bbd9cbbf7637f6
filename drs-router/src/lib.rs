#![deny(unsafe_op_in_unsafe_fn)]
//! From `experts.toml` to certificates.
//!
//! * [`Config`]: experts.toml, read and validated.
//! * `copies`: private copies of plugins and model files, digested as they are written.
//! * `hosted`: plugins that are part of the running program.
//! * `plugin`: finding, checking and loading expert libraries.
//! * `isolation`: experts in processes of their own.
//! * `expert`: an opened model, in this process or in another one, checked.
//! * `watch`: which files a plugin opens.
//! * `engine`: noise and votes in fixed padded batches that hold draws of many
//!   inputs and stages.
//! * [`Router`]: all of it together: a [`Question`] about one input in, its answer out.
//!
//! The only `unsafe` code of the host is in `isolation/{memory,group}.rs`, `plugin/library.rs`,
//! `scarce.rs` and `watch/seccomp.rs`.

mod batch;
mod built_in;
mod config;
mod copies;
mod drawn;
mod engine;
mod expert;
mod hosted;
#[cfg(unix)]
mod isolation;
mod limits;
mod models;
mod ordered;
mod panicked;
mod plugin;
mod program;
mod question;
mod replay;
mod router;
mod scarce;
mod shared;
mod source;
mod term;
mod under_way;
mod watch;

pub use built_in::{BUILT_IN, is_built_in, library as library_name};
pub use config::{AUTO, Config, ConfigError, ExpertSpec, ModelSpec, RouterSpec};
pub use copies::{Copies, CopyError, file_digest, runs_code};
pub use drawn::{Drawn, Run};
pub use engine::{Batches, EngineError, Stopper, Throughput};
pub use expert::LoadedExpert;
pub use hosted::host_plugin;
#[cfg(unix)]
pub use isolation::{ending, serve, try_shared_memory};
pub use limits::Limits;
pub use ordered::ordered;
pub use panicked::Panicked;
pub use plugin::{
    Library, LoadError, ModelFile, Opening, Prepared, find_plugin, list_files, load_library,
    named_files, open_model, package_of, plugin_folders, plugin_name, plugins_in,
};
pub use program::Program;
pub use question::{Certify, Count, PoolView, Predict, Question, RouteError};
pub use replay::{Replay, Replayed};
pub use router::{OpenError, Options, Router, Timed, Warning, is_panic};
pub use scarce::{NoThread, start_scoped, start_thread, told};
pub use term::NamedTerm;
pub use under_way::UnderWay;
pub use watch::{is_of_the_system, watch_opens};
