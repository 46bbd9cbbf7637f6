//! Where packages come from: files, addresses, folders, indexes.

mod configured;
#[cfg(feature = "network")]
mod https;
mod index;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use drs_packages::{Folder, Origin, Package, PublicKey, Site, Store, Wanted};
use tempfile::NamedTempFile;

use crate::args::{FromIndex, Source};
pub(super) use configured::Configured;
pub(super) use index::{Chosen, choose, open};

/// A package that is at hand, and where it came from.
pub(super) struct Obtained {
    pub(super) package: Package,
    pub(super) origin: Origin,
    /// The key of the index that had it: who believes it for the index believes it for the packages that it
    /// signed itself.
    pub(super) index_key: Option<PublicKey>,
    /// Holds what was fetched as long as it is needed.
    _fetched: Option<NamedTempFile>,
}

/// Gets a package.
pub(super) fn obtain(source: &Source, from: &FromIndex, store: &Store) -> anyhow::Result<Obtained> {
    match source {
        Source::File(path) if path.is_dir() => of_folder(path, from, store),
        Source::File(path) => {
            let package = Package::open(path)?;
            let source = std::path::absolute(path)?.display().to_string();
            let origin = Origin { source, index: None };
            Ok(Obtained { package, origin, index_key: None, _fetched: None })
        }
        Source::Address(address) => {
            let (fetched, package) = fetch(address)?;
            let origin = Origin { source: address.clone(), index: None };
            Ok(Obtained { package, origin, index_key: None, _fetched: Some(fetched) })
        }
        Source::Name(wanted) => {
            let chosen = choose(wanted, from, store)?;
            of_index(&chosen, wanted, store)
        }
    }
}

/// The package of a name, from the index that was chosen for it.
pub(super) fn of_index(
    chosen: &Chosen,
    wanted: &Wanted,
    store: &Store,
) -> anyhow::Result<Obtained> {
    let index = open(chosen, store)?;
    let place = chosen.site.place();
    let release = index.find(wanted, drs_packages::TARGET)?;
    let release = release.with_context(|| format!("{place}: no package {} in it", wanted.name))?;
    let (fetched, package) = index.fetch(&wanted.name, &release)?;
    let origin = Origin { source: format!("{place}/{}", release.file), index: Some(place) };
    Ok(Obtained { package, origin, index_key: Some(index.key.clone()), _fetched: Some(fetched) })
}

/// A folder is an index with one package; of several, one must be named.
fn of_folder(path: &Path, from: &FromIndex, store: &Store) -> anyhow::Result<Obtained> {
    let place = path.display().to_string();
    let chosen =
        Chosen { site: Box::new(Folder::new(path.to_owned())?), key: from.trust_index.clone() };
    let names: Vec<String> = open(&chosen, store)?.names().map(ToString::to_string).collect();
    let [name] = names.as_slice() else {
        bail!(
            "{place}: an index of {}: drs expert install NAME --index {place} installs one of them",
            names.join(", ")
        );
    };
    let wanted: Wanted = name.parse().map_err(|problem: String| anyhow::anyhow!(problem))?;
    of_index(&chosen, &wanted, store)
}

/// How an index is remembered that a user calls so.
pub(super) fn place(called: &str) -> anyhow::Result<String> {
    Ok(Chosen::named(called, None, &Configured::read()?)?.site.place())
}

/// An index at an address or in a folder.
fn site(place: &str) -> anyhow::Result<Box<dyn Site>> {
    match place.starts_with("https://") {
        true => server(place),
        false => Ok(Box::new(Folder::new(PathBuf::from(place))?)),
    }
}

#[cfg(feature = "network")]
fn server(address: &str) -> anyhow::Result<Box<dyn Site>> {
    Ok(Box::new(https::Server::new(address)?))
}

#[cfg(feature = "network")]
fn fetch(address: &str) -> anyhow::Result<(NamedTempFile, Package)> {
    let fetched = https::fetch(address)?;
    let package = Package::open(fetched.path()).with_context(|| address.to_owned())?;
    Ok((fetched, package))
}

#[cfg(not(feature = "network"))]
fn server(address: &str) -> anyhow::Result<Box<dyn Site>> {
    bail!("{address}: {NO_NETWORK}")
}

#[cfg(not(feature = "network"))]
fn fetch(address: &str) -> anyhow::Result<(NamedTempFile, Package)> {
    bail!("{address}: {NO_NETWORK}")
}

#[cfg(not(feature = "network"))]
const NO_NETWORK: &str = "this drs was built without the feature network: give a file or a folder";
