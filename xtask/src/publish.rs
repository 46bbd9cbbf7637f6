//! What is published: every package, and the interface that third parties build against.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use etcetera::BaseStrategy as _;
use serde_json::Value;

use crate::{Outcome, cargo, command, libtorch, printed, root, run, target};

/// The interface as it was released, and where it unpacks to.
const RELEASED: &str = "cli/templates/drs-plugins-api-0.1.0.crate";

const SEMVER_CHECKS: &str = "0.51.0";

/// Packs every published crate and builds it from its archive, as whoever installs it does. With
/// nothing but these archives and what is already fetched.
pub(crate) fn packages() -> Outcome {
    cargo(&["fetch", "--quiet", "--locked"], &[])?;
    let mut package = command("cargo", &["package", "--offline", "--allow-dirty"], &[]);
    for name in published()? {
        package.arg(format!("--package={name}"));
    }
    // A folder of its own, since it would leave libraries without optimisation where plugins are
    // looked for. With a new name each time: cargo knows an unpacked archive by this folder and its
    // version, and would build what an older run unpacked.
    let folder = tempfile::Builder::new().prefix("packages-").tempdir_in(existing_target()?);
    let folder = folder.map_err(|error| format!("{}: {error}", target().display()))?;
    package.env("CARGO_TARGET_DIR", folder.path());
    // Only whether they build matters.
    package.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    run(package.env("LIBTORCH", libtorch()?))
}

/// The folder of what is built, made where nothing was built yet.
fn existing_target() -> Result<PathBuf, String> {
    let folder = target();
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
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
    let released = unpacked(&root().join(RELEASED), "released")?;
    let package = ["package", "--package", "drs-plugins-api", "--no-verify", "--allow-dirty"];
    cargo(&package, &["--quiet".to_owned()])?;
    let archive = Path::new(RELEASED).file_name().unwrap_or_default();
    let packed = target().join("package").join(archive);
    // With another version it has another name, and is another one.
    if packed.is_file() && contents(&unpacked(&packed, "now")?)? == contents(&released)? {
        println!("the plugin interface is as it was released");
        return Ok(());
    }
    let mut check = Command::new(semver_checks()?);
    check.args(["semver-checks", "check-release", "--manifest-path", "plugins-api/Cargo.toml"]);
    run(check.arg("--baseline-root").arg(released).current_dir(root()))
}

/// Unpacks a package into a folder of this name; where it then is.
fn unpacked(archive: &Path, name: &str) -> Result<PathBuf, String> {
    let folder = target().join("semver").join(name);
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(problem)?;
    }
    std::fs::create_dir_all(&folder).map_err(problem)?;
    run(Command::new("tar").arg("-xzf").arg(archive).current_dir(&folder))?;
    Ok(folder.join(archive.file_stem().unwrap_or_default()))
}

/// What is in a package, by name: its sources, and what it depends on.
fn contents(package: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![package.join("src")]);
    let problem = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    let mut files = vec![package.join("Cargo.toml")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(problem(&folder))? {
            let path = entry.map_err(problem(&folder))?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(problem(&file))?;
        found.insert(file.strip_prefix(package).unwrap_or(&file).to_owned(), text);
    }
    Ok(found)
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
