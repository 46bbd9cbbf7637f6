//! `drs --version --verbose`: what this drs is made of.

use std::ffi::OsString;

use clap::error::ErrorKind;
use drs_core::lattice::Digest;
use drs_packages::TARGET;
use drs_plugins_api::abi;
use drs_progress::out;

use crate::beside::{Beside, folder, plugins, trainer, version_of_trainer};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Parts that a build may leave out.
const FEATURES: [(&str, bool); 3] = [
    ("network", cfg!(feature = "network")),
    ("onnx", cfg!(feature = "onnx")),
    ("serve", cfg!(feature = "serve")),
];

/// Whether the version was asked for, and all of it. `--version` ends the parsing, so what follows it is looked for
/// here.
pub(crate) fn is_asked(shown: &clap::Error, arguments: &[OsString]) -> bool {
    shown.kind() == ErrorKind::DisplayVersion && arguments.iter().any(|word| word == "--verbose")
}

pub(crate) fn print() -> anyhow::Result<()> {
    let features = FEATURES.iter().filter(|(_, is_in)| *is_in).map(|(name, _)| *name);
    let features: Vec<&str> = features.collect();
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    out!("drs {VERSION}")?;
    out!("target            {TARGET}")?;
    out!("features          {features}")?;
    out!("plugin interface  {}", abi::VERSION)?;
    out!("drs-train         {}", trained_by()?)?;
    out!("plugins           in {}", folder())?;
    plugins().iter().try_for_each(|plugin| out!("  {:15} {}", plugin.name, told(plugin)))?;
    Ok(())
}

fn trained_by() -> anyhow::Result<String> {
    Ok(match trainer()? {
        None => "not beside drs".to_owned(),
        Some(program) => version_of_trainer(&program)
            .unwrap_or_else(|problem| format!("{} does not start: {problem}", program.display())),
    })
}

fn told(plugin: &Beside) -> String {
    let Some((_, look)) = &plugin.seen else { return "not there".to_owned() };
    let digest = |sha256: &Digest| format!(" sha256 {sha256}");
    let digest = look.sha256.as_ref().map(digest).unwrap_or_default();
    match &look.told {
        Ok(info) => format!("{}{digest}", info.version),
        Err(_) => format!("does not load{digest} (drs doctor says why)"),
    }
}
