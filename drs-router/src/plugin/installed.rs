//! Plugins in packages that are installed.

use std::path::PathBuf;

use drs_packages::{Installed, LOCK, Lock, PackageError, Store, TARGET};

/// The library of a plugin in a package that is installed, and the package; `None` if no package has it. Where there
/// is a `drs.lock`, only packages count that it names.
pub(super) fn find(
    plugin: &str,
    lock: &dyn Fn() -> Result<Option<Lock>, PackageError>,
) -> Result<Option<(PathBuf, Installed)>, String> {
    // Who has no home has no packages.
    let Ok(store) = Store::of_user() else { return Ok(None) };
    let told = |error: PackageError| error.to_string();
    let mut found = store.all().map_err(told)?;
    found.retain(|package| package.manifest.plugin.as_deref() == Some(plugin));
    let Some(first) = found.first().map(|package| package.manifest.name.clone()) else {
        return Ok(None);
    };
    if let Some(lock) = lock().map_err(told)? {
        let identities: Vec<_> = lock.packages.iter().map(|locked| locked.identity).collect();
        found.retain(|package| identities.contains(&package.identity));
        if found.is_empty() {
            return Err(format!(
                "the package {first} has it, but no version that is installed is in {LOCK}: drs expert lock writes it anew, drs expert install --locked installs what it names"
            ));
        }
    }
    // The newest one of each name comes last.
    let Some(newest) = found.pop() else { return Ok(None) };
    let (name, version) = (&newest.manifest.name, &newest.manifest.version);
    if let Some(other) = found.iter().find(|other| other.manifest.name != *name) {
        return Err(format!(
            "the packages {} and {name} both have a plugin of this name: give its path, or remove one of them",
            other.manifest.name
        ));
    }
    let Some(variant) = newest.manifest.variant(TARGET) else {
        return Err(format!("the package {name} {version} has no library for {TARGET}"));
    };
    if newest.changed().map_err(told)?.contains(&variant.library) {
        return Err(format!(
            "its library in the package {name} {version} was changed since it was installed: remove the package and install it again"
        ));
    }
    Ok(Some((newest.folder.join(&variant.library), newest)))
}
