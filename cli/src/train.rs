//! `drs train`: runs `drs-train`, which links libtorch, so that this program need not.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use drs_router::Program;

use crate::args::TrainArgs;
use crate::exit;

/// Where it is if it came with drs.
pub(crate) fn beside() -> anyhow::Result<PathBuf> {
    let this = Program::this().context("where is drs?")?;
    Ok(this.folder().join(format!("drs-train{EXE_SUFFIX}")))
}

pub(crate) fn run(args: &TrainArgs) -> anyhow::Result<u8> {
    let name = format!("drs-train{EXE_SUFFIX}");
    let beside = beside()?;
    let folder = beside.parent().unwrap_or(&beside).display().to_string();
    let program = if beside.is_file() { beside } else { PathBuf::from(&name) };
    let status = match Command::new(&program).args(&args.arguments).status() {
        Ok(status) => status,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "there is no {name}, neither in {} nor in $PATH: training needs libtorch, so it is a program of its own; `cargo xtask torch` builds it",
            folder
        ),
        Err(error) => return Err(error).with_context(|| program.display().to_string()),
    };
    // Killed by a signal: no code.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(exit::FAILURE))
}
