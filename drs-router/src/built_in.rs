//! The plugins that come with `drs`: their names mean the libraries beside it and no others, so
//! that a pool from elsewhere cannot bring its own under a name that everybody trusts.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

/// Their names.
pub(crate) const BUILT_IN: [&str; 4] = ["onnx", "ort", "torch", "halfspace"];

/// What the library of a plugin is called.
pub(crate) fn library(plugin: &str) -> String {
    format!("{DLL_PREFIX}drs_expert_{plugin}{DLL_SUFFIX}")
}

/// Where the library of a plugin that comes with `drs` is, if it is there.
pub(crate) fn place(plugin: &str) -> Option<PathBuf> {
    beside_program().map(|folder| folder.join(library(plugin)))
}

/// The folder of the running program.
pub(crate) fn beside_program() -> Option<PathBuf> {
    std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned))
}
