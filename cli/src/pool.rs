//! Opening the pool that a command asks for.

use std::collections::BTreeMap;
use std::thread::available_parallelism;

use anyhow::Context as _;
use drs_progress::say;
use drs_router::{Config, ModelSpec, Options, Program, Router, RouterSpec};

use crate::args::PoolArgs;

/// The pool and its configuration.
pub(crate) struct OpenPool {
    pub(crate) config: Config,
    pub(crate) router: Router,
}

/// Reads experts.toml, loads every model and tells the user its warnings.
pub(crate) fn open(args: &PoolArgs) -> anyhow::Result<OpenPool> {
    of(Config::read(&args.file()?)?, args)
}

/// The same of a configuration that was read.
pub(crate) fn of(config: Config, args: &PoolArgs) -> anyhow::Result<OpenPool> {
    let threads = args.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let options =
        Options { threads, batch: args.batch, isolate: args.isolate, worker: Program::this().ok() };
    let router = Router::open(&config, &options);
    let router = router.with_context(|| config.path.display().to_string())?;
    tell_chosen(&config);
    for warning in router.warnings() {
        say!("warning: {warning}");
    }
    Ok(OpenPool { config, router })
}

/// Says which plugins were taken for models that leave it to their files.
fn tell_chosen(config: &Config) {
    let router = match &config.router {
        Some(RouterSpec::Own(model)) => Some(("router", model)),
        _ => None,
    };
    let experts = config.experts.iter().map(|expert| (expert.name.as_str(), &expert.model));
    let chosen = |(_, model): &(&str, &ModelSpec)| model.chosen;
    let mut by_plugin: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, model) in router.into_iter().chain(experts).filter(chosen) {
        by_plugin.entry(&model.plugin).or_default().push(name);
    }
    for (plugin, names) in by_plugin {
        say!("plugin {plugin}, by the model's file: {}", names.join(", "));
    }
}
