//! The pool and how to run it.

use std::path::PathBuf;

use anyhow::Context as _;
use drs_packages::{Store, Wanted};

use super::parse::parse_positive;

/// The pool of experts and how to run it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PoolArgs {
    /// The pool: experts.toml.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "package",
        conflicts_with = "package"
    )]
    pub(crate) experts: Option<PathBuf>,

    /// The pool: a package that is installed (drs expert install).
    #[arg(long = "pool", id = "package", value_name = "NAME[@VERSION]")]
    pub(crate) package: Option<Wanted>,

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

impl PoolArgs {
    /// The pool in a file, run as usual.
    pub(crate) fn of_file(experts: PathBuf) -> Self {
        Self { experts: Some(experts), package: None, threads: None, batch: None, isolate: false }
    }

    /// The pool's experts.toml.
    pub(crate) fn file(&self) -> anyhow::Result<PathBuf> {
        let Some(wanted) = &self.package else {
            return Ok(self.experts.clone().unwrap_or_default());
        };
        let found = Store::of_user()?.find(wanted)?;
        let found = found.with_context(|| {
            format!(
                "--pool {wanted}: not installed; drs expert list tells what is, drs expert install installs"
            )
        })?;
        let experts = found.manifest.experts();
        let experts = experts.with_context(|| format!("--pool {wanted}: a plugin, not a pool"))?;
        Ok(found.folder.join(experts))
    }
}
