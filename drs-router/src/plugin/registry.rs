//! The libraries loaded so far.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use drs_core::lattice::Digest;
use drs_plugins_api::PluginInfo;
use drs_plugins_api::abi::PluginModuleRef;

use super::library;

/// A loaded library.
#[derive(Clone)]
pub(crate) struct Plugin {
    pub(crate) module: PluginModuleRef,
    pub(crate) info: Arc<PluginInfo>,
}

/// The plugins of a pool, each library once.
#[derive(Default)]
pub(crate) struct Registry {
    plugins: HashMap<Digest, Plugin>,
}

impl Registry {
    /// Loads a library by its copy, unless one of that digest is loaded.
    pub(crate) fn load(&mut self, copy: &Path, sha256: Digest) -> Result<Plugin, String> {
        if let Some(plugin) = self.plugins.get(&sha256) {
            return Ok(plugin.clone());
        }
        let module = library::load(copy, sha256)?;
        let info: PluginInfo = serde_json::from_str((module.about())().as_str())
            .map_err(|error| format!("it does not tell its name and version: {error}"))?;
        self.check_runtime(&info)?;
        let plugin = Plugin { module, info: Arc::new(info) };
        self.plugins.insert(sha256, plugin.clone());
        Ok(plugin)
    }

    /// Two copies of one native runtime in a process crash sooner or later.
    fn check_runtime(&self, info: &PluginInfo) -> Result<(), String> {
        let Some(runtime) = &info.native_runtime else { return Ok(()) };
        let other =
            self.plugins.values().find(|plugin| {
                plugin.info.native_runtime.as_ref().is_some_and(|other| {
                    other.name == runtime.name && other.version != runtime.version
                })
            });
        match other {
            None => Ok(()),
            Some(other) => Err(format!(
                "it brings {} {}, but the plugin {} already brought another version, and a process can hold one only: use plugins built for the same version",
                runtime.name, runtime.version, other.info.name
            )),
        }
    }
}
