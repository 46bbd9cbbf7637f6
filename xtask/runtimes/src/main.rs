#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "for whoever builds the project: nothing is lost by a panic"
)]
//! `drs-runtimes`: prints where a usable libtorch or ONNX Runtime is, after fetching one if need be.
//!
//! Only the path goes to stdout, so that callers can write `LIBTORCH=$(drs-runtimes)`.

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

/// The variable that names the library of ONNX Runtime.
const ONNX_RUNTIME: &str = "ORT_DYLIB_PATH";

const HELP: &str = "\
drs-runtimes [--cpu | --cuda | --onnxruntime]

Prints the folder of libtorch 2.11.0: the one that LIBTORCH names if it is set,
else one in the user's cache, which is fetched from the package index that pip
uses when it is not there yet.

  --cpu          libtorch for the CPU (0.5 GB to fetch, 0.5 GB kept)
  --cuda         libtorch for CUDA (2.5 GB to fetch, 3.9 GB kept)
                 Without either: CUDA if /dev/nvidia0 exists, else CPU.
  --onnxruntime  the library of ONNX Runtime 1.32.0 for the CPU, or the one that
                 ORT_DYLIB_PATH names (28 MB to fetch, 35 MB kept)
  --help         this text";

fn main() -> ExitCode {
    match run() {
        Ok(text) => {
            let mut out = std::io::stdout().lock();
            let written =
                out.write_all(text.as_encoded_bytes()).and_then(|()| out.write_all(b"\n"));
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("drs-runtimes: {error:#}");
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
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let path = match view {
        View::OnnxRuntime => match given(ONNX_RUNTIME) {
            Some(given) => given_library(&given)?,
            None => cached(view)?.join("lib").join(view::ONNX_RUNTIME_LIBRARY),
        },
        View::Cpu | View::Cuda => match given("LIBTORCH") {
            Some(given) => given_folder(&given)?,
            None => cached(view)?,
        },
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
            "--onnxruntime" => View::OnnxRuntime,
            "--help" | "-h" => return Ok(None),
            _ => {
                bail!("found the argument {arg:?}, expected --cpu, --cuda, --onnxruntime or --help")
            }
        };
        if forced.is_some_and(|before| before != view) {
            bail!("found several of --cpu, --cuda and --onnxruntime, expected at most one of them");
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

/// The library that the user named.
fn given_library(given: &OsStr) -> Result<PathBuf> {
    let path = std::path::absolute(given).context(ONNX_RUNTIME)?;
    if !path.is_file() {
        bail!(
            "{ONNX_RUNTIME} is {}: found no file there: set it to the library of ONNX Runtime, or \
             unset it and one is fetched",
            path.display()
        );
    }
    Ok(path)
}

fn cached(view: View) -> Result<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "{} is fetched for Linux on x86-64 only, this is {} on {}: \
             set LIBTORCH to an unpacked libtorch {VERSION}, and {ONNX_RUNTIME} to the library of ONNX Runtime",
            view.runtime(),
            std::env::consts::OS,
            std::env::consts::ARCH
        );
    }
    let dirs = etcetera::choose_base_strategy()
        .context("found no home folder to cache runtimes in: set HOME or XDG_CACHE_HOME")?;
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
