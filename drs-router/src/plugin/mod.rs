//! Expert libraries: finding them, checking them, loading them, asking them in this process.

mod error;
mod find;
mod found;
mod here;
mod installed;
mod library;
mod opening;
mod pins;
mod prepared;
mod registry;

use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;
use drs_plugins_api::abi::PluginModuleRef;
use drs_plugins_api::{Manifest, PluginInfo};

pub(crate) use error::Failure;
pub use error::LoadError;
pub use find::{package_of, plugin_folders, plugin_name, plugins_in};
pub use found::Library;
pub(crate) use here::Here;
pub use opening::Opening;
pub use prepared::{ModelFile, Prepared, named_files};
pub(crate) use registry::Registry;

/// Finds the library of a plugin by its name, or a path from `base_dir`. Without that, a path
/// is one from the working directory, and a name is not looked for there.
///
/// # Errors
/// If there is none; the message tells where it was looked for.
pub fn find_plugin(plugin: &str, base_dir: Option<&Path>) -> Result<PathBuf, LoadError> {
    find::locate(plugin, base_dir)
}

/// Loads a [copy](Library::copy) of a library, of this digest, into this process, for good: its
/// code runs here.
///
/// # Errors
/// If it is no plugin, or one of another interface.
pub fn load_library(copy: &Path, sha256: Digest) -> Result<(PluginModuleRef, PluginInfo), String> {
    let plugin = Registry::default().load(copy, sha256)?;
    Ok((plugin.module, PluginInfo::clone(&plugin.info)))
}

/// Asks a plugin, in this process, which files a model is made of; `None` if it does not tell.
///
/// # Errors
/// If the library is no plugin, or cannot tell.
pub fn list_files(opening: &Opening) -> Result<Option<Vec<PathBuf>>, String> {
    let plugin = Registry::default().load(&opening.library, opening.sha256)?;
    Here::files(plugin.module, opening).map_err(|error| error.to_string())
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
    let plugin = Registry::default().load(&opening.library, opening.sha256)?;
    Here::open(plugin.module, plugin.info, opening).map_err(|error| error.to_string())
}
