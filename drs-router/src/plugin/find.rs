//! Where plugins are looked for.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

use drs_packages::{Installed, Lock, TARGET};
use etcetera::BaseStrategy as _;

use super::error::LoadError;
use super::installed;
use crate::built_in::{BUILT_IN, PYTHON, beside_program, library, place};

/// Environment variable with more folders to search, separated as in `PATH`.
pub(crate) const PATH_VARIABLE: &str = "DRS_PLUGIN_PATH";

/// Finds the library of a plugin.
///
/// `plugin` with a path separator or the platform's library suffix is a path
/// from `base_dir`, or from the working directory. A name that [comes with `drs`](BUILT_IN) is looked for beside the running
/// program, any other in the [folders for plugins](plugin_folders), and in packages that are installed.
pub(super) fn locate(plugin: &str, base_dir: Option<&Path>) -> Result<PathBuf, LoadError> {
    let (searched, hint): (Vec<PathBuf>, _) = if is_path(plugin) {
        (vec![base_dir.unwrap_or(Path::new(".")).join(plugin)], String::new())
    } else if BUILT_IN.contains(&plugin) {
        let hint = if plugin == PYTHON {
            " (the Python package has it: pip install drs-smoothing, and run its drs)"
        } else {
            " (the name means the plugin that comes with drs; to use another library, give its path)"
        };
        (place(plugin).into_iter().collect(), hint.into())
    } else {
        (by_name(plugin, base_dir), format!(" (set {PATH_VARIABLE} to add folders)"))
    };
    if let Some(found) = searched.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let package = match may_be_installed(plugin) {
        true => installed::find(plugin, &|| base_dir.map_or(Ok(None), Lock::beside)),
        false => Ok(None),
    };
    match package {
        Ok(Some((library, _))) => Ok(library),
        Ok(None) => Err(LoadError::NotFound { plugin: plugin.to_owned(), searched, hint }),
        Err(problem) => Err(LoadError::Installed { plugin: plugin.to_owned(), problem }),
    }
}

/// The installed package that a plugin of this name is taken from, whatever `drs.lock` says; `None` if it is not
/// from a package.
///
/// # Errors
/// If two packages have it, or the library was changed.
pub fn package_of(plugin: &str, base_dir: &Path) -> Result<Option<Installed>, LoadError> {
    let is_found = || by_name(plugin, Some(base_dir)).iter().any(|path| path.is_file());
    if !may_be_installed(plugin) || is_found() {
        return Ok(None);
    }
    match installed::find(plugin, &|| Ok(None)) {
        Ok(found) => Ok(found.map(|(_, package)| package)),
        Err(problem) => Err(LoadError::Installed { plugin: plugin.to_owned(), problem }),
    }
}

fn is_path(plugin: &str) -> bool {
    plugin.contains(std::path::is_separator) || plugin.ends_with(DLL_SUFFIX)
}

/// Whether a package may have it.
fn may_be_installed(plugin: &str) -> bool {
    !is_path(plugin) && !BUILT_IN.contains(&plugin)
}

/// Where a library of this name may lie, but for packages.
fn by_name(plugin: &str, base_dir: Option<&Path>) -> Vec<PathBuf> {
    plugin_folders(base_dir).map(|folder| folder.join(library(plugin))).collect()
}

/// What experts.toml calls the plugin in a library, as its file is called; `None` if it is called otherwise.
#[must_use]
pub fn plugin_name(library: &Path) -> Option<String> {
    let file = library.file_name()?.to_str()?;
    let name = file.strip_prefix(DLL_PREFIX)?.strip_suffix(DLL_SUFFIX)?;
    name.strip_prefix("drs_expert_").map(str::to_owned)
}

/// The plugins in a folder, what experts.toml calls them first, in order.
#[must_use]
pub fn plugins_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let named = |entry: std::fs::DirEntry| Some((plugin_name(&entry.path())?, entry.path()));
    let mut plugins: Vec<_> = entries.filter_map(named).collect();
    plugins.sort();
    plugins
}

/// The folders in which a plugin is looked for by its name, in this order: that of
/// experts.toml, those of `$DRS_PLUGIN_PATH`, that of the running program, that of the user's data.
///
/// Of `$DRS_PLUGIN_PATH` only absolute paths count: an empty or relative one would mean
/// whatever folder the program happens to be started in.
pub fn plugin_folders(base_dir: Option<&Path>) -> impl Iterator<Item = PathBuf> + use<> {
    let listed = std::env::var_os(PATH_VARIABLE)
        .map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>())
        .unwrap_or_default();
    for path in listed.iter().filter(|path| path.is_relative() && path.as_os_str() != "") {
        tracing::warn!("{PATH_VARIABLE}: {} is ignored, expected absolute paths", path.display());
    }
    let listed = listed.into_iter().filter(|path| path.is_absolute());
    let data =
        etcetera::choose_base_strategy().ok().map(|dirs| dirs.data_dir().join("drs/plugins"));
    // In a package the libraries for this platform have a folder of their own.
    let native = base_dir.map(|folder| folder.join("native").join(TARGET));
    let native = native.filter(|folder| folder.is_dir());
    let base_dir = base_dir.map(Path::to_owned);
    base_dir.into_iter().chain(native).chain(listed).chain(beside_program()).chain(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted(folder: &Path, name: &str) -> PathBuf {
        let file = folder.join(library(name));
        std::fs::write(&file, b"").unwrap();
        file
    }

    #[test]
    fn a_path_is_taken_from_the_folder_of_experts_toml() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(format!("other{DLL_SUFFIX}"));
        std::fs::write(&file, b"").unwrap();
        assert_eq!(locate(&format!("other{DLL_SUFFIX}"), Some(folder.path())).unwrap(), file);
        let error = locate("./missing.x", Some(folder.path())).unwrap_err();
        assert!(matches!(error, LoadError::NotFound { searched, .. } if searched.len() == 1));
    }

    #[test]
    fn a_name_becomes_a_library_beside_experts_toml_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = planted(folder.path(), "mine");
        assert_eq!(locate("mine", Some(folder.path())).unwrap(), file);
        let error = locate("nobody_has_this", Some(folder.path())).unwrap_err();
        assert!(matches!(error, LoadError::NotFound { searched, .. } if searched.len() >= 2));
    }

    #[test]
    fn the_names_of_drs_own_plugins_mean_those_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in BUILT_IN {
            let planted = planted(folder.path(), name);
            match locate(name, Some(folder.path())) {
                Ok(found) => assert_eq!(found.parent(), beside_program().as_deref()),
                Err(error) if name == PYTHON => {
                    assert!(error.to_string().contains("pip install"), "{error}");
                }
                Err(error) => assert!(error.to_string().contains("comes with drs"), "{error}"),
            }
            let path = planted.to_str().unwrap();
            assert_eq!(locate(path, None).unwrap(), planted, "a path is a path");
        }
    }
}
