//! Expert libraries: finding them, checking them, loading them, asking them.

mod expert;
mod find;
mod here;
mod library;
mod opening;
mod pins;
mod registry;

use std::path::{Path, PathBuf};

use drs_plugins_api::abi::PluginModuleRef;
use drs_plugins_api::{Manifest, PluginInfo};

pub(crate) use expert::{Failure, Isolation};
pub use expert::{LoadError, LoadedExpert};
pub use find::{plugin_folders, plugins_in};
pub(crate) use here::Here;
pub use opening::Opening;
pub(crate) use registry::Registry;

use crate::config::ModelSpec;

/// Finds the library of a plugin by its name, or a path from `base_dir`.
///
/// # Errors
/// If there is none; the message tells where it was looked for.
pub fn find_plugin(plugin: &str, base_dir: &Path) -> Result<PathBuf, LoadError> {
    let spec = ModelSpec::new(plugin, serde_json::Value::Null);
    registry::locate(&spec, base_dir).map(|(library, _)| library)
}

/// Loads a library into this process, for good: its code runs here.
///
/// # Errors
/// If it is no plugin, or one of another interface.
pub fn load_library(library: &Path) -> Result<(PluginModuleRef, PluginInfo), String> {
    let plugin = Registry::default().load(library).map_err(|error| error.to_string())?;
    Ok((plugin.module, PluginInfo::clone(&plugin.info)))
}

/// Opens a model in this process, to hear what it says of itself.
///
/// # Errors
/// If the plugin refuses, or says nothing readable.
pub fn open_model(opening: &Opening) -> Result<Manifest, String> {
    open_alone(opening)?.manifest()
}

/// Opens a model in a process that has no other.
pub(crate) fn open_alone(opening: &Opening) -> Result<Here, String> {
    let plugin = Registry::default().load(&opening.library).map_err(|error| error.to_string())?;
    Here::open(plugin.module, plugin.info, opening).map_err(|error| error.to_string())
}
