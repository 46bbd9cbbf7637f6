//! Making an index of packages, or making it anew.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use drs_core::lattice::Digest;
use serde::Serialize;

use super::site::{Folder, small};
use super::{FILE, FORMAT, Listing, MOST_BYTES, Release, Root, SIGNATURE, listing, text};
use crate::archive::{Package, digest_of};
use crate::error::PackageError;
use crate::name::Name;
use crate::signing::Signer;
use crate::whole;

/// The folder of an index that has its packages.
const PACKAGES: &str = "packages";

/// How packages end.
const ENDING: &str = "drsx";

/// An index that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// What it is called.
    pub name: Name,
    /// Its serial.
    pub serial: u64,
    /// Whether it is another than was there.
    pub is_new: bool,
    /// The versions that it has of each name.
    pub packages: BTreeMap<Name, Vec<semver::Version>>,
}

/// Makes the index of the packages in `folder/packages`, signed. If nothing has changed since it was made, it
/// stays as it is. `name` may be left out where there is an index already; `valid` is how long it may be used.
///
/// # Errors
/// If a package is damaged, is not signed, is not signed by whoever signed its other versions, or is another one
/// than was published as its version before; if the old index is not of this key; or if something cannot be written.
pub fn make(
    folder: &Path,
    signer: &Signer,
    name: Option<&Name>,
    valid: Option<Duration>,
) -> Result<Made, PackageError> {
    let refused = |problem: String| PackageError::package(folder)(problem);
    let old = old(folder, signer)?;
    let name = name.or(old.as_ref().map(|old| &old.root.name)).cloned();
    let name =
        name.ok_or_else(|| refused("no name: give --name, for the first time".to_owned()))?;
    if let Some(old) = old.as_ref().filter(|old| old.root.name != name) {
        return Err(refused(format!("{FILE}: it is called {}, not {name}", old.root.name)));
    }
    let listings = listings(folder)?;
    for listing in listings.values() {
        let before = old.as_ref().and_then(|old| old.listings.get(&listing.name));
        published_once(listing, before).map_err(refused)?;
    }
    let mut texts = BTreeMap::new();
    for (name, listing) in &listings {
        texts.insert(name.clone(), text(listing).map_err(refused)?);
    }
    let names = texts.iter().map(|(name, text)| (name.clone(), Digest::of(text))).collect();
    let expires = valid.map(|valid| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_add(valid).as_secs()
    });
    let serial = old.as_ref().map_or(0, |old| old.root.serial) + 1;
    let root = Root { format: FORMAT, name, serial, expires, names };
    let made = |serial, is_new| Made {
        name: root.name.clone(),
        serial,
        is_new,
        packages: listings
            .iter()
            .map(|(name, listing)| {
                (
                    name.clone(),
                    listing.releases.iter().map(|release| release.version.clone()).collect(),
                )
            })
            .collect(),
    };
    // One that expires is made anew each time.
    let same =
        old.as_ref().filter(|old| Root { serial: old.root.serial, ..root.clone() } == old.root);
    if let Some(old) = same {
        return Ok(made(old.root.serial, false));
    }
    let text = text(&root).map_err(refused)?;
    let what = format!("the index {} of serial {serial}", root.name);
    let signature = signer.sign(&text, &what).map_err(refused)?;
    // What index.json names comes first.
    for (name, text) in &texts {
        put(&folder.join(listing(name)), text)?;
    }
    put(&folder.join(SIGNATURE), signature.as_bytes())?;
    put(&folder.join(FILE), &text)?;
    for name in
        old.iter().flat_map(|old| old.listings.keys()).filter(|name| !texts.contains_key(name))
    {
        let path = folder.join(listing(name));
        fs::remove_file(&path).map_err(PackageError::file("remove", path))?;
    }
    Ok(made(serial, true))
}

/// An index that is there.
struct Old {
    root: Root,
    listings: BTreeMap<Name, Listing>,
}

fn old(folder: &Path, signer: &Signer) -> Result<Option<Old>, PackageError> {
    let site = Folder::new(folder.to_owned())?;
    let Some(text) = small(&site, FILE, MOST_BYTES)? else { return Ok(None) };
    let wrong = |problem: String| PackageError::package(folder)(problem);
    let signature = small(&site, SIGNATURE, MOST_BYTES)?.unwrap_or_default();
    let signature = String::from_utf8_lossy(&signature);
    signer.key.check(&signature, &text, [SIGNATURE, FILE]).map_err(|problem| {
        wrong(format!("{problem}; an index of another key, or a damaged one, is not made anew: remove {FILE} if that is meant"))
    })?;
    let root = Root::read(&text).map_err(wrong)?;
    let mut listings = BTreeMap::new();
    for (name, sha256) in &root.names {
        let text = small(&site, &listing(name), MOST_BYTES)?.unwrap_or_default();
        if Digest::of(&text) != *sha256 {
            return Err(wrong(format!("{}: not the file that {FILE} lists", listing(name))));
        }
        listings.insert(name.clone(), Listing::read(&text, name).map_err(wrong)?);
    }
    Ok(Some(Old { root, listings }))
}

/// What the packages in the folder say.
fn listings(folder: &Path) -> Result<BTreeMap<Name, Listing>, PackageError> {
    let packages = folder.join(PACKAGES);
    let found = match fs::read_dir(&packages) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        found => found.map_err(PackageError::file("read", &packages))?,
    };
    let mut listings: BTreeMap<Name, Listing> = BTreeMap::new();
    for entry in found {
        let path = entry.map_err(PackageError::file("read", &packages))?.path();
        if path.extension().is_none_or(|ending| ending != ENDING) {
            continue;
        }
        let (name, release) = release(&path)?;
        let listing = listings.entry(name.clone()).or_insert_with(|| Listing {
            format: FORMAT,
            name: name.clone(),
            releases: Vec::new(),
        });
        listing.releases.push(release);
    }
    for listing in listings.values_mut() {
        listing.releases.sort_by(|a, b| a.version.cmp(&b.version));
        one_publisher(listing).map_err(PackageError::package(&packages))?;
    }
    Ok(listings)
}

/// A package as a listing has it.
fn release(path: &Path) -> Result<(Name, Release), PackageError> {
    let mut package = Package::open(path)?;
    let wrong = |problem: String| PackageError::package(path)(problem);
    let key = package.signer().ok_or_else(|| {
        wrong(
            "nobody has signed it: drs expert sign does, with the key of its publisher".to_owned(),
        )
    })?;
    package.check_signature(&key)?;
    package.check_contents()?;
    let manifest = &package.manifest;
    let file = format!("{}-{}.{ENDING}", manifest.name, manifest.version);
    if path.file_name().is_none_or(|name| name != file.as_str()) {
        return Err(wrong(format!("expected it to be called {file}")));
    }
    let entry = digest_of(path)?;
    let release = Release {
        version: manifest.version.clone(),
        identity: package.identity,
        key,
        file: format!("{PACKAGES}/{file}"),
        sha256: entry.sha256,
        bytes: entry.bytes,
        license: manifest.license.clone(),
        description: manifest.description.clone(),
        targets: manifest.variants.iter().map(|variant| variant.target.clone()).collect(),
    };
    Ok((manifest.name.clone(), release))
}

/// Whoever has one version installed refuses another publisher's: so does an index.
fn one_publisher(listing: &Listing) -> Result<(), String> {
    let Some(first) = listing.releases.first() else { return Ok(()) };
    match listing.releases.iter().find(|release| release.key != first.key) {
        None => Ok(()),
        Some(other) => Err(format!(
            "{} {} is signed by {}, and {} by {}: expected one publisher of a name",
            listing.name, first.version, first.key, other.version, other.key
        )),
    }
}

/// Whether no version is another package now, or another publisher's.
fn published_once(listing: &Listing, before: Option<&Listing>) -> Result<(), String> {
    let old = before.map(|before| before.releases.as_slice()).unwrap_or_default();
    let name = &listing.name;
    for release in &listing.releases {
        let same = old.iter().find(|old| old.version == release.version);
        if same.is_some_and(|old| old.identity != release.identity) {
            return Err(format!(
                "{name} {} was published as another package before: give it a new version",
                release.version
            ));
        }
        if let Some(old) = old.iter().find(|old| old.key != release.key) {
            return Err(format!(
                "{name} was published by {} before, and is signed by {} now",
                old.key, release.key
            ));
        }
    }
    Ok(())
}

/// Writes a file as a whole.
fn put(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    let folder = whole::folder(path);
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = whole::unfinished(folder, ".unfinished-")?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(PackageError::file("write", path))
}
