//! What comes with drs: its plugins, and drs-train.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use drs_router::Program;

use crate::expert::{Look, look};
use crate::train;

/// The plugin of Python's callables: only an interpreter has it, and there it is no library.
const PYTHON: &str = "python";

/// A plugin that comes with drs.
pub(crate) struct Beside {
    pub(crate) name: &'static str,
    /// Its library, and what was seen of it; `None` where there is none.
    pub(crate) seen: Option<(PathBuf, Look)>,
}

/// The plugins that come with drs. Each is loaded by a process of its own.
pub(crate) fn plugins() -> Vec<Beside> {
    let names = drs_router::BUILT_IN.into_iter().filter(|name| *name != PYTHON);
    let beside = |name| {
        let library = drs_router::find_plugin(name, None).ok();
        Beside { name, seen: library.map(|library| (library.clone(), look(&library))) }
    };
    names.map(beside).collect()
}

/// The folder where they lie, as it is told.
pub(crate) fn folder() -> String {
    let folder = Program::this().map(|program| program.folder().display().to_string());
    folder.unwrap_or_else(|error| format!("an unknown folder ({error})"))
}

/// The program that trains; `None` where it is not beside drs.
pub(crate) fn trainer() -> anyhow::Result<Option<PathBuf>> {
    Ok(Some(train::beside()?).filter(|program| program.is_file()))
}

/// The version that it tells, or why it tells none.
pub(crate) fn version_of_trainer(program: &Path) -> Result<String, String> {
    let asked = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let output = asked.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    // As "drs train 0.1.0".
    let version = text.split_whitespace().next_back().map(str::to_owned);
    version.filter(|_| output.status.success()).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        said.lines().next().map_or_else(|| ending(output.status), str::to_owned)
    })
}

/// How it ended, where it said nothing.
fn ending(status: ExitStatus) -> String {
    format!("it said nothing ({status})")
}
