//! What is published: every package, and the interface that third parties build against.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use etcetera::BaseStrategy as _;
use serde_json::Value;

use crate::{Outcome, cargo, command, libtorch, printed, root, run, target};

/// The interface as it was released, and where it unpacks to.
const RELEASED: &str = "tests/released/drs-plugins-api-0.1.0.crate";

const SEMVER_CHECKS: &str = "0.51.0";

/// Packs every published crate and builds it from its archive, as whoever installs it does. With
/// nothing but these archives and what is already fetched.
pub(crate) fn packages() -> Outcome {
    cargo(&["fetch", "--quiet", "--locked"], &[])?;
    let mut package = command("cargo", &["package", "--offline", "--allow-dirty"], &[]);
    for name in published()? {
        package.arg(format!("--package={name}"));
    }
    // Only whether they build matters.
    package.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    run(package.env("LIBTORCH", libtorch()?))
}

/// The packages that may go to a registry.
fn published() -> Result<Vec<String>, String> {
    let found =
        printed(&mut command("cargo", &["metadata", "--no-deps", "--format-version=1"], &[]))?;
    let found: Value = serde_json::from_str(&found).map_err(|error| error.to_string())?;
    let packages = found["packages"].as_array().into_iter().flatten();
    let free = packages.filter(|package| package["publish"].is_null());
    let names = free.filter_map(|package| package["name"].as_str().map(str::to_owned));
    Ok(names.collect())
}

/// Compares the plugin interface with the released one: what plugins use must still be there,
/// unless the version says otherwise.
pub(crate) fn semver() -> Outcome {
    let folder = target().join("released");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let archive = root().join(RELEASED);
    run(Command::new("tar").arg("-xzf").arg(&archive).current_dir(&folder))?;
    let released = folder.join(Path::new(RELEASED).file_stem().unwrap_or_default());
    let now = root().join("plugins-api");
    if sources(&released)? == sources(&now)? {
        println!("the plugin interface is as it was released");
        return Ok(());
    }
    let mut check = Command::new(semver_checks()?);
    check.args(["semver-checks", "check-release", "--manifest-path"]).arg(now.join("Cargo.toml"));
    run(check.arg("--baseline-root").arg(released))
}

/// The source files of a crate, by name.
fn sources(of: &Path) -> Result<BTreeMap<OsString, String>, String> {
    let folder = of.join("src");
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.file_name(), std::fs::read_to_string(entry.path())?))
    };
    std::fs::read_dir(&folder)
        .map_err(problem)?
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(problem)
}

/// The program that compares, built once into the user's cache.
fn semver_checks() -> Result<PathBuf, String> {
    let dirs = etcetera::choose_base_strategy();
    let cache = dirs.map_err(|error| format!("no home folder: {error}; set HOME"))?.cache_dir();
    let tools = cache.join("drs/tools").join(SEMVER_CHECKS);
    let program = tools.join(format!("bin/cargo-semver-checks{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        println!(
            "building cargo-semver-checks {SEMVER_CHECKS} into {}: a few minutes, once",
            tools.display()
        );
        let version = format!("={SEMVER_CHECKS}");
        let mut install = command("cargo", &["install", "--locked", "--debug"], &[]);
        install.args(["cargo-semver-checks", "--version", &version, "--root"]).arg(&tools);
        run(&mut install)?;
    }
    Ok(program)
}
