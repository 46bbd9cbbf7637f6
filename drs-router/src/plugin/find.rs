//! Where plugins are looked for.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

/// Environment variable with more folders to search, separated as in `PATH`.
pub(crate) const PATH_VARIABLE: &str = "DRS_PLUGIN_PATH";

/// Finds the library of a plugin, or lists where it was looked for.
///
/// `plugin` with a path separator or the platform's library suffix is a path
/// from `base_dir`. A name is looked for beside experts.toml, in
/// `$DRS_PLUGIN_PATH`, beside the running program and in the user's data folder.
pub(super) fn find(plugin: &str, base_dir: &Path) -> Result<PathBuf, Vec<PathBuf>> {
    let is_path = plugin.contains(std::path::is_separator) || plugin.ends_with(DLL_SUFFIX);
    let candidates: Vec<PathBuf> = if is_path {
        vec![base_dir.join(plugin)]
    } else {
        let file = format!("{DLL_PREFIX}drs_expert_{plugin}{DLL_SUFFIX}");
        plugin_folders(base_dir).map(|folder| folder.join(&file)).collect()
    };
    candidates.iter().find(|path| path.is_file()).cloned().ok_or(candidates)
}

/// The plugins in a folder, what experts.toml calls them first, in order.
#[must_use]
pub fn plugins_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let named = |entry: std::fs::DirEntry| {
        let file = entry.file_name().into_string().ok()?;
        let name = file.strip_prefix(DLL_PREFIX)?.strip_suffix(DLL_SUFFIX)?;
        Some((name.strip_prefix("drs_expert_")?.to_owned(), entry.path()))
    };
    let mut plugins: Vec<_> = entries.filter_map(named).collect();
    plugins.sort();
    plugins
}

/// The folders in which a plugin is looked for by its name, in this order.
pub fn plugin_folders(base_dir: &Path) -> impl Iterator<Item = PathBuf> {
    let listed = std::env::var_os(PATH_VARIABLE)
        .map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>())
        .unwrap_or_default();
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let data =
        etcetera::choose_base_strategy().ok().map(|dirs| dirs.data_dir().join("drs/plugins"));
    std::iter::once(base_dir.to_owned()).chain(listed).chain(beside).chain(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_from_the_folder_of_experts_toml() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(format!("other{DLL_SUFFIX}"));
        std::fs::write(&file, b"").unwrap();
        assert_eq!(find(&format!("other{DLL_SUFFIX}"), folder.path()), Ok(file));
        assert_eq!(find("./missing.x", folder.path()).unwrap_err().len(), 1);
    }

    #[test]
    fn a_name_becomes_a_library_beside_experts_toml_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(format!("{DLL_PREFIX}drs_expert_mine{DLL_SUFFIX}"));
        std::fs::write(&file, b"").unwrap();
        assert_eq!(find("mine", folder.path()), Ok(file));
        assert!(find("nobody_has_this", folder.path()).unwrap_err().len() >= 2);
    }
}
