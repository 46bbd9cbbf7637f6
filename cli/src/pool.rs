//! Opening the pool that a command asks for.

use std::thread::available_parallelism;

use anyhow::Context as _;
use drs_progress::say;
use drs_router::{Config, Options, Router};

use crate::args::PoolArgs;

/// The pool and its configuration.
pub(crate) struct OpenPool {
    pub(crate) config: Config,
    pub(crate) router: Router,
}

/// Reads experts.toml, loads every model and tells the user its warnings.
pub(crate) fn open(args: &PoolArgs) -> anyhow::Result<OpenPool> {
    let config = Config::read(&args.experts)?;
    let threads = args.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let options = Options {
        threads,
        batch: args.batch,
        isolate: args.isolate,
        worker: std::env::current_exe().ok(),
    };
    let router =
        Router::open(&config, &options).with_context(|| args.experts.display().to_string())?;
    for warning in router.warnings() {
        say!("warning: {warning}");
    }
    Ok(OpenPool { config, router })
}
