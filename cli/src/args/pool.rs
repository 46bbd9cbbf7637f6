//! The pool and how to run it.

use std::path::PathBuf;

use super::parse::parse_positive;

/// The pool of experts and how to run it.
#[derive(Debug, clap::Args)]
pub(crate) struct PoolArgs {
    /// The pool: experts.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) experts: PathBuf,

    /// Worker threads [default: all cores].
    #[arg(long, value_parser = parse_positive)]
    pub(crate) threads: Option<usize>,

    /// Inputs per batch, over experts.toml and the plugins' preference.
    #[arg(long, value_parser = parse_positive)]
    pub(crate) batch: Option<usize>,

    /// Run every plugin in a process of its own: one that crashes or hangs fails the input at hand
    /// only (experts.toml: isolation = "process" for single experts).
    #[arg(long)]
    pub(crate) isolate: bool,
}
