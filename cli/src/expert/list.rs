//! `drs expert list`.

use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;
use drs_packages::{Installed, Name, PublicKey, Store};
use drs_plugins_api::PluginInfo;
use drs_progress::out;
use drs_router::Program;
use serde::Serialize;

use super::look::{Look, look};
use crate::args::ListArgs;

#[derive(Serialize)]
struct Place {
    folder: PathBuf,
    plugins: Vec<Found>,
    /// Of the folder for packages alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packages: Vec<Held>,
}

/// A package that is installed.
#[derive(Serialize)]
struct Held {
    name: Name,
    version: String,
    /// `pool` or `plugin`.
    kind: &'static str,
    key: Option<PublicKey>,
}

#[derive(Serialize)]
struct Found {
    /// What experts.toml calls it.
    name: String,
    library: PathBuf,
    sha256: Option<Digest>,
    plugin: Option<PluginInfo>,
    /// Why it does not load. Neither is there where it was not tried.
    problem: Option<String>,
    /// Whether a folder before this one has a plugin of the name.
    hidden: bool,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<()> {
    let pool = args.experts.as_deref().map(|path| match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    });
    let mut names = std::collections::HashSet::new();
    let mut places = Vec::new();
    for folder in drs_router::plugin_folders(pool) {
        let libraries = drs_router::plugins_in(&folder);
        let may_run = may_run(&folder, pool);
        let plugins = libraries.into_iter().map(|(name, library)| {
            let hidden = !names.insert(name.clone());
            found(name, library, hidden, may_run)
        });
        let plugins = plugins.collect::<anyhow::Result<_>>()?;
        places.push(Place { plugins, folder, packages: Vec::new() });
    }
    let store = Store::of_user()?;
    let packages = store.all()?.into_iter().map(held).collect();
    places.push(Place { folder: store.root().to_owned(), plugins: Vec::new(), packages });
    if args.json {
        out!("{}", serde_json::to_string(&places)?)?;
    } else {
        places.iter().try_for_each(print)?;
    }
    Ok(())
}

fn held(installed: Installed) -> Held {
    let Installed { manifest, key, .. } = installed;
    let kind = if manifest.pool.is_some() { "pool" } else { "plugin" };
    Held { name: manifest.name, version: manifest.version.to_string(), kind, key }
}

/// Libraries that came with a pool, or lie where the user happens to be, are not run for a look.
fn may_run(folder: &Path, pool: Option<&Path>) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let own = Program::this().ok().and_then(|program| real(program.folder()));
    let others = [pool.and_then(real), real(Path::new("."))];
    let folder = real(folder);
    folder.is_some() && (folder == own || others.iter().all(|other| *other != folder))
}

fn found(name: String, library: PathBuf, hidden: bool, may_run: bool) -> anyhow::Result<Found> {
    if !may_run {
        let sha256 = drs_router::file_digest(&library).ok();
        return Ok(Found { name, library, sha256, plugin: None, problem: None, hidden });
    }
    let Look { sha256, told } = look(&library);
    let (plugin, problem) = match told {
        Ok(info) => (Some(info), None),
        Err(problem) => (None, Some(problem)),
    };
    Ok(Found { name, library, sha256, plugin, problem, hidden })
}

fn print(place: &Place) -> std::io::Result<()> {
    let none = if place.folder.is_dir() { "" } else { " (no such folder)" };
    out!("{}{none}", place.folder.display())?;
    for Found { name, sha256, plugin, problem, hidden, .. } in &place.plugins {
        let digest = sha256.map_or_else(String::new, |digest| digest.to_string());
        let digest = digest.get(..12).unwrap_or_default();
        let note = if *hidden { "  (hidden: another of this name comes first)" } else { "" };
        match (plugin, problem) {
            (Some(info), _) => out!("  {name:12} {:10} sha256 {digest}…{note}", info.version)?,
            (None, Some(problem)) => out!("  {name:12} does not load: {problem}{note}")?,
            (None, None) => out!("  {name:12} not loaded sha256 {digest}…{note}")?,
        }
    }
    for Held { name, version, kind, key } in &place.packages {
        let by = key.as_ref().map_or("nobody".to_owned(), ToString::to_string);
        out!("  {name:12} {version:10} {kind}, signed by {by}")?;
    }
    Ok(())
}
