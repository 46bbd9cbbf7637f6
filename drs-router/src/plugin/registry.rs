//! The libraries loaded so far.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drs_core::lattice::Digest;
use drs_plugins_api::PluginInfo;
use drs_plugins_api::abi::PluginModuleRef;

use super::expert::LoadError;
use super::{find, library};
use crate::config::ModelSpec;

/// Finds the library of a model's plugin, by its real path, and checks that it is the
/// one that experts.toml pins: before it is loaded, since loading runs its code.
pub(super) fn locate(spec: &ModelSpec, base_dir: &Path) -> Result<(PathBuf, Digest), LoadError> {
    let path = find::find(&spec.plugin, base_dir)
        .map_err(|searched| LoadError::NotFound { plugin: spec.plugin.clone(), searched })?;
    let fail = |problem: String| LoadError::Library { path: path.clone(), problem };
    let bytes = std::fs::read(&path).map_err(|error| fail(error.to_string()))?;
    let sha256 = Digest::of(&bytes);
    if let Some(expected) = spec.sha256.filter(|expected| *expected != sha256) {
        return Err(fail(format!("its sha256 is {sha256}, experts.toml expects {expected}")));
    }
    let real = path.canonicalize().map_err(|error| fail(error.to_string()))?;
    Ok((real, sha256))
}

/// A loaded library.
#[derive(Clone)]
pub(crate) struct Plugin {
    pub(super) module: PluginModuleRef,
    pub(super) info: Arc<PluginInfo>,
}

/// Loads each library once.
#[derive(Default)]
pub(crate) struct Registry {
    plugins: HashMap<PathBuf, Plugin>,
}

impl Registry {
    /// Loads a plugin that was found, if it is not loaded yet.
    pub(super) fn load(&mut self, library: &Path) -> Result<Plugin, LoadError> {
        let fail = |problem: String| LoadError::Library { path: library.to_owned(), problem };
        if let Some(plugin) = self.plugins.get(library) {
            return Ok(plugin.clone());
        }
        let module = library::load(library).map_err(fail)?;
        let info: PluginInfo = serde_json::from_str((module.about())().as_str())
            .map_err(|error| fail(format!("it does not tell its name and version: {error}")))?;
        self.check_runtime(&info).map_err(fail)?;
        let plugin = Plugin { module, info: Arc::new(info) };
        self.plugins.insert(library.to_owned(), plugin.clone());
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
