//! `drs` itself: how it is started again, and where its plugins lie.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What runs `drs`: the executable of that name, or an interpreter that holds it.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    folder: PathBuf,
}

static SETTLED: OnceLock<Program> = OnceLock::new();

impl Program {
    /// What runs this process.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn this() -> io::Result<Self> {
        if let Some(settled) = SETTLED.get() {
            return Ok(settled.clone());
        }
        let path = std::env::current_exe()?;
        let folder = path.parent().unwrap_or(&path).to_owned();
        Ok(Self { path, arguments: Vec::new(), folder })
    }

    /// Tells, once and before anything else of this crate is used, that the running executable is
    /// no `drs` but an interpreter: `path` with `arguments` starts `drs` in it, and the plugins that
    /// come with `drs` are in `folder`.
    pub fn settle(path: PathBuf, arguments: Vec<OsString>, folder: PathBuf) {
        // A second interpreter of the process says the same.
        let _ = SETTLED.set(Self { path, arguments, folder });
    }

    /// Starts it again, with further arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        command
    }

    /// The executable.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the plugins are that come with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
