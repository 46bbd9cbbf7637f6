//! `drs expert list`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use drs_core::lattice::Digest;
use drs_plugins_api::PluginInfo;
use serde::Serialize;

use super::child::{Answer, Request, ask, single};
use crate::args::ListArgs;

/// How long a library may take to tell its name.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Place {
    folder: PathBuf,
    plugins: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    /// What experts.toml calls it.
    name: String,
    library: PathBuf,
    sha256: Option<Digest>,
    plugin: Option<PluginInfo>,
    /// Why it does not load.
    problem: Option<String>,
    /// Whether a folder before this one has a plugin of the name.
    hidden: bool,
}

pub(super) fn run(args: &ListArgs) -> anyhow::Result<()> {
    let base = args.experts.as_deref().and_then(Path::parent);
    let base = base.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names = std::collections::HashSet::new();
    let mut places = Vec::new();
    for folder in drs_router::plugin_folders(base) {
        let libraries = drs_router::plugins_in(&folder);
        let plugins = libraries.into_iter().map(|(name, library)| {
            let hidden = !names.insert(name.clone());
            found(name, library, hidden)
        });
        places.push(Place { plugins: plugins.collect(), folder });
    }
    if args.json {
        println!("{}", serde_json::to_string(&places)?);
    } else {
        places.iter().for_each(print);
    }
    Ok(())
}

fn found(name: String, library: PathBuf, hidden: bool) -> Found {
    let sha256 = std::fs::read(&library).ok().map(|bytes| Digest::of(&bytes));
    let told =
        ask(&Request::About(library.clone()), PATIENCE).and_then(|told| single(told, &library));
    let (plugin, problem) = match told.as_deref() {
        Ok([Answer::About(info)]) => (Some(info.clone()), None),
        Ok(_) => (None, Some("it told nothing".to_owned())),
        Err(error) => (None, Some(error.to_string())),
    };
    Found { name, library, sha256, plugin, problem, hidden }
}

fn print(place: &Place) {
    let none = if place.folder.is_dir() { "" } else { " (no such folder)" };
    println!("{}{none}", place.folder.display());
    for Found { name, sha256, plugin, problem, hidden, .. } in &place.plugins {
        let digest = sha256.map_or_else(String::new, |digest| digest.to_string());
        let digest = digest.get(..12).unwrap_or_default();
        let note = if *hidden { "  (hidden: another of this name comes first)" } else { "" };
        match (plugin, problem) {
            (Some(info), _) => println!("  {name:12} {:10} sha256 {digest}…{note}", info.version),
            (None, problem) => {
                println!("  {name:12} does not load: {}{note}", problem.as_deref().unwrap_or(""));
            }
        }
    }
}
