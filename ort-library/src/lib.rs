#![forbid(unsafe_code)]
//! Where the library of ONNX Runtime is on this machine.
//!
//! In this order: the variable [`VARIABLE`], the folder of the running program, the user's cache
//! (where `cargo xtask ort` puts it), the active Python environment (`VIRTUAL_ENV`,
//! `CONDA_PREFIX`), the user's Python packages, those of the system. No Python is run.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

/// The variable that names the library, as in other programs that load it.
pub const VARIABLE: &str = "ORT_DYLIB_PATH";

/// What the user's cache holds begins so.
const CACHED: &str = "onnxruntime-";

/// Written last into a folder of the cache.
const COMPLETE: &str = ".drs-complete";

/// Whether the variable names a library, be it there or not.
#[must_use]
pub fn is_named() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|named| !named.is_empty())
}

/// Finds the library. Nothing is loaded.
///
/// # Errors
/// In words: where it was looked for.
pub fn find() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        let found = if named.is_dir() { in_folder(&named) } else { Some(named.clone()) };
        let found = found.filter(|path| path.is_absolute() && path.is_file());
        return found.ok_or_else(|| {
            let named = named.display();
            format!("{VARIABLE} is {named}, expected the absolute path of a library")
        });
    }
    let folders = folders();
    folders.iter().find_map(|folder| in_folder(folder)).ok_or_else(|| {
        let searched: Vec<String> = folders.iter().map(|path| path.display().to_string()).collect();
        format!("no {} in {}", named("*"), searched.join(", "))
    })
}

/// Folders that are there, in order.
fn folders() -> Vec<PathBuf> {
    let program = std::env::current_exe().ok();
    let mut folders: Vec<PathBuf> =
        program.iter().filter_map(|path| path.parent().map(Path::to_owned)).collect();
    let dirs = etcetera::choose_base_strategy().ok();
    if let Some(dirs) = &dirs {
        let mut cached = under(&dirs.cache_dir().join("drs"), CACHED);
        // Others are being unpacked.
        cached.retain(|folder| folder.join(COMPLETE).is_file());
        folders.extend(cached.into_iter().rev().map(|folder| folder.join("lib")));
    }
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os);
    let active = active.map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = dirs.iter().map(|dirs| dirs.home_dir().join(".local"));
    let system = ["/usr/local", "/usr"].map(PathBuf::from);
    folders.extend(active.chain(home).chain(system).flat_map(|prefix| of_python(&prefix)));
    folders.retain(|folder| folder.is_dir());
    folders
}

/// Where Python's package has it, below the prefix of an environment.
fn of_python(prefix: &Path) -> Vec<PathBuf> {
    let versions = under(&prefix.join("lib"), "python3");
    let kinds = ["site-packages", "dist-packages"];
    let packages = |version: PathBuf| kinds.map(|kind| version.join(kind).join("onnxruntime/capi"));
    versions.into_iter().flat_map(packages).collect()
}

/// Files and folders in one whose names begin so, in order.
fn under(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let named = |entry: &std::fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|name| name.starts_with(start))
    };
    let mut found: Vec<PathBuf> = entries.filter(named).map(|entry| entry.path()).collect();
    found.sort_by_key(|path| (numbers(path), path.clone()));
    found
}

/// The numbers in a name, by which 1.9 comes before 1.32.
fn numbers(path: &Path) -> Vec<u64> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let digits = name.split(|letter: char| !letter.is_ascii_digit());
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

/// The library in a folder: its name may end with a version.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(named(""));
    if plain.is_file() {
        return Some(plain);
    }
    under(folder, &named(".")).into_iter().rfind(|path| path.is_file())
}

/// What the library is called, with this behind it.
fn named(version: &str) -> String {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_environment_has_it_by_its_newest_version() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("lib/python3.12/site-packages/onnxruntime/capi");
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(in_folder(&folder), None);
        for version in [".1.9.0", ".1.32.0"] {
            std::fs::write(folder.join(named(version)), "").unwrap();
        }
        std::fs::write(folder.join("libonnxruntime_providers_shared.so"), "").unwrap();
        assert!(of_python(place.path()).contains(&folder));
        assert_eq!(in_folder(&folder), Some(folder.join(named(".1.32.0"))));
        std::fs::write(folder.join(named("")), "").unwrap();
        assert_eq!(in_folder(&folder), Some(folder.join(named(""))));
    }
}
