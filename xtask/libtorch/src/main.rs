#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "for whoever builds the project: nothing is lost by a panic"
)]
//! `drs-libtorch`: prints the folder of a usable libtorch, after fetching one if need be.
//!
//! Only the path goes to stdout, so that callers can write `LIBTORCH=$(drs-libtorch)`.

mod cache;
mod download;
mod folder;
mod http;
mod index;
#[cfg(test)]
mod tests;
mod unpack;
mod view;
mod wheels;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use etcetera::BaseStrategy as _;

use crate::cache::Cache;
use crate::download::Downloader;
use crate::index::Index;
use crate::view::View;

/// The version that tch 0.24 is made for.
const VERSION: &str = "2.11.0";

const HELP: &str = "\
drs-libtorch [--cpu | --cuda]

Prints the folder of libtorch 2.11.0: the one that LIBTORCH names if it is set,
else one in the user's cache, which is fetched from the package index that pip
uses when it is not there yet.

  --cpu    libtorch for the CPU (0.5 GB to fetch, 0.5 GB kept)
  --cuda   libtorch for CUDA (2.5 GB to fetch, 3.9 GB kept)
           Without either: CUDA if /dev/nvidia0 exists, else CPU.
  --help   this text";

fn main() -> ExitCode {
    match run() {
        Ok(text) => {
            let mut out = std::io::stdout().lock();
            let written =
                out.write_all(text.as_encoded_bytes()).and_then(|()| out.write_all(b"\n"));
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("drs-libtorch: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What goes to stdout.
fn run() -> Result<std::ffi::OsString> {
    let gpu = Path::new("/dev/nvidia0").exists();
    let Some(view) = choose(std::env::args().skip(1), gpu)? else {
        return Ok(HELP.into());
    };
    let path = match std::env::var_os("LIBTORCH").filter(|value| !value.is_empty()) {
        Some(given) => given_folder(&given)?,
        None => cached(view)?,
    };
    Ok(path.into_os_string())
}

/// The view to provide; none when help was asked for.
fn choose(args: impl Iterator<Item = String>, gpu: bool) -> Result<Option<View>> {
    let mut forced = None;
    for arg in args {
        let view = match arg.as_str() {
            "--cpu" => View::Cpu,
            "--cuda" => View::Cuda,
            "--help" | "-h" => return Ok(None),
            _ => bail!("found the argument {arg:?}, expected --cpu, --cuda or --help"),
        };
        if forced.is_some_and(|before| before != view) {
            bail!("found both --cpu and --cuda, expected at most one of them");
        }
        forced = Some(view);
    }
    Ok(Some(forced.unwrap_or(if gpu { View::Cuda } else { View::Cpu })))
}

fn given_folder(given: &OsStr) -> Result<PathBuf> {
    // Absolute, because build scripts run in other folders.
    let path = std::path::absolute(given).context("LIBTORCH")?;
    folder::check_given(&path)?;
    Ok(path)
}

fn cached(view: View) -> Result<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "libtorch is fetched for Linux on x86-64 only, this is {} on {}: \
             set LIBTORCH to an unpacked libtorch {VERSION}",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
    }
    let dirs = etcetera::choose_base_strategy()
        .context("found no home folder to cache libtorch in: set HOME or XDG_CACHE_HOME")?;
    let cache = Cache::new(dirs.cache_dir().join("drs"));
    cache.provide(view, |folder| {
        // Asked only now: pip is needed to fetch, not to use what was fetched.
        let index = Index::of_pip()?;
        let agent = http::agent(index.certificates())?;
        let downloader = Downloader::new(agent.clone());
        let wheels = view.wheels();
        let sources =
            wheels.map(|wheel| index.locate(&agent, wheel)).collect::<Result<Vec<_>>>()?;
        sources.iter().map(|source| downloader.fetch(source, folder)).collect()
    })
}
