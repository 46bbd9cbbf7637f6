//! The plugins that come with `drs`: their names mean the libraries beside it and no others, so
//! that a pool from elsewhere cannot bring its own under a name that everybody trusts.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::PathBuf;

use crate::hosted;
use crate::program::Program;

/// Names of the plugins that come with `drs`.
pub const BUILT_IN: [&str; 5] = ["onnx", "ort", "torch", "halfspace", PYTHON];

/// Runs Python's callables. Only an interpreter has it.
pub(crate) const PYTHON: &str = "python";

/// Whether a plugin comes with `drs`: no other library goes by its name.
#[must_use]
pub fn is_built_in(plugin: &str) -> bool {
    BUILT_IN.contains(&plugin)
}

/// What the library of a plugin is called.
#[must_use]
pub fn library(plugin: &str) -> String {
    format!("{DLL_PREFIX}drs_expert_{plugin}{DLL_SUFFIX}")
}

/// Where the library of a plugin that comes with `drs` is, if it is there.
pub(crate) fn place(plugin: &str) -> Option<PathBuf> {
    hosted::library_of(plugin)
        .or_else(|| beside_program().map(|folder| folder.join(library(plugin))))
}

/// The folder of the running program, or of what an interpreter runs.
pub(crate) fn beside_program() -> Option<PathBuf> {
    Program::this().ok().map(|program| program.folder().to_owned())
}
