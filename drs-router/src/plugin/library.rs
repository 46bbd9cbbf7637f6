//! Opening dynamic libraries: the one place of the host with `unsafe` code.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use drs_core::lattice::Digest;
use drs_plugins_api::abi::PluginModuleRef;
use drs_plugins_api::abi_stable::library::{LibraryError, lib_header_from_path};

#[cfg(unix)]
use crate::copies::runs_code;
use crate::hosted;

static LOADED: Mutex<Option<HashMap<Digest, PluginModuleRef>>> = Mutex::new(None);

/// Loads the root module of a plugin from a copy of its library.
///
/// The library stays loaded for the life of the process: code and statics of a
/// plugin may be referred to from anywhere. Each pool has copies of its own; for the
/// process, libraries of one digest are one library. A plugin that is part of this process is loaded already.
pub(super) fn load(copy: &Path, sha256: Digest) -> Result<PluginModuleRef, String> {
    if let Some(module) = hosted::module(copy, sha256) {
        return module;
    }
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = loaded.get_or_insert_default();
    if let Some(module) = loaded.get(&sha256) {
        return Ok(*module);
    }
    let module = load_anew(copy)?;
    loaded.insert(sha256, module);
    Ok(module)
}

fn load_anew(path: &Path) -> Result<PluginModuleRef, String> {
    bind_now(path)?;
    let header = lib_header_from_path(path).map_err(|error| explain(&error))?;
    // Not `RootModule::load_from_file`, which keeps one module per type: the
    // second plugin would silently be the first.
    header.init_root_module::<PluginModuleRef>().map_err(|error| explain(&error))
}

/// Resolves every symbol now. abi_stable opens lazily, and an unresolved symbol
/// would then end the process at its first call.
#[cfg(unix)]
fn bind_now(path: &Path) -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: opening a library runs its initialisers, which is what loading a
    // plugin means; docs/security.md says what that trusts. The handle is never
    // closed, so nothing that refers to the library can dangle.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    match library {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(explain_system(&source_or_self(&error), path)),
    }
}

/// The system's words, and what to do where another library is missing.
#[cfg(unix)]
fn explain_system(cause: &str, copy: &Path) -> String {
    const MISSING: &str = ": cannot open shared object file";
    let folder = copy.parent().unwrap_or(copy);
    if !runs_code(folder) {
        return format!(
            "the system runs no code from {}, where its private copy is: the file system is mounted noexec; set TMPDIR, XDG_RUNTIME_DIR or XDG_CACHE_HOME to a folder on another one ({cause})",
            folder.display()
        );
    }
    match cause.split_once(MISSING) {
        Some((library, _)) if !library.contains('/') => format!(
            "it needs {library}, which the system does not find: add the folder that holds it to LD_LIBRARY_PATH (for libtorch, the lib folder of libtorch or of a Python's site-packages/torch)"
        ),
        _ => format!("the system cannot load it: {cause}"),
    }
}

#[cfg(not(unix))]
fn bind_now(_: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(unix)]
fn source_or_self(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn explain(error: &LibraryError) -> String {
    let ours = env!("CARGO_PKG_VERSION");
    match error {
        LibraryError::GetSymbolError { .. } => {
            "it is a library, but no drs plugin: it does not export an expert".to_owned()
        }
        LibraryError::IncompatibleVersionNumber { expected_version, actual_version, .. } => {
            format!(
                "it was built against version {actual_version} of the plugin interface, expected {expected_version}: rebuild it against drs-plugins-api {ours}"
            )
        }
        LibraryError::InvalidAbiHeader(_) | LibraryError::InvalidCAbi { .. } => format!(
            "it was built with an incompatible version of abi_stable: rebuild it against drs-plugins-api {ours}"
        ),
        LibraryError::AbiInstability(_) => format!(
            "its plugin interface has another layout than this drs expects: rebuild it against drs-plugins-api {ours}"
        ),
        other => other.to_string(),
    }
}
