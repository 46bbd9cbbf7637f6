//! Crates outside the workspace, as third parties have them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::built;

/// The cargo that runs these tests.
#[must_use]
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs to the end, which must be a good one; what was printed.
///
/// # Panics
/// If it cannot be run, or fails.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("a program that can be run");
    assert!(output.status.success(), "{command:?}\n{}", told(&output));
    told(&output)
}

/// All that was printed.
#[must_use]
pub fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Unpacks a package into `folder`; where it then is.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn unpack(archive: &Path, folder: &Path) -> PathBuf {
    run(Command::new("tar").arg("-xzf").arg(archive).current_dir(folder));
    folder.join(archive.file_stem().expect("NAME-VERSION.crate"))
}

/// Where such crates are built, so that what they have in common is built once.
#[must_use]
pub fn target() -> PathBuf {
    built().join("../new-expert")
}
