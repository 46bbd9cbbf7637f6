//! Packages that are installed.
//!
//! ```text
//! content/IDENTITY/…            what a package holds; nothing changes in it
//! names/NAME/VERSION.json       which identity that is, whose it is, where it came from
//! keys.json                     whose signature is believed for which name
//! lock                          held by whoever changes something
//! ```
//!
//! A package is installed if `names` has it, and that is the last thing that is written.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;
use etcetera::BaseStrategy as _;
use semver::Version;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::archive;
use crate::digests::{self, Digests};
use crate::error::PackageError;
use crate::key::PublicKey;
use crate::manifest::{self, Manifest};
use crate::name::{Name, Wanted};
use crate::whole;

/// How folders and files begin that are not finished, or not needed any more.
const UNFINISHED: &str = ".unfinished-";

/// Where packages are.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A package that is installed.
#[derive(Debug, Clone)]
pub struct Installed {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What is in it.
    pub digests: Digests,
    /// Its identity.
    pub identity: Digest,
    /// Where its files are.
    pub folder: PathBuf,
    /// Who signed it, if anybody did.
    pub key: Option<PublicKey>,
    /// Where it came from.
    pub source: String,
    /// The index that had it, if one did.
    pub index: Option<String>,
}

/// That a version of a name is installed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receipt {
    pub(crate) identity: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PublicKey>,
    pub(crate) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<String>,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file or the address.
    pub source: String,
    /// The [place](crate::Site::place) of the index that has it, if one does.
    pub index: Option<String>,
}

impl Installed {
    /// Files that are not what its digests say, or not there.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn changed(&self) -> Result<Vec<String>, PackageError> {
        let mut changed = Vec::new();
        for (name, entry) in &self.digests.files {
            let path = self.folder.join(name);
            let right = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                file => {
                    let mut file = file.map_err(PackageError::file("read", &path))?;
                    let is_right = archive::is(&mut file, *entry);
                    is_right.map_err(PackageError::file("read", &path))?
                }
            };
            changed.extend((!right).then(|| name.clone()));
        }
        Ok(changed)
    }
}

impl Store {
    /// The user's own: `drs/packages` in the folder for data (XDG).
    ///
    /// # Errors
    /// If there is no home folder.
    pub fn of_user() -> Result<Self, PackageError> {
        let dirs = etcetera::choose_base_strategy()
            .map_err(|error| PackageError::Refused(format!("no home folder: {error}; set HOME")))?;
        Ok(Self::at(dirs.data_dir().join("drs/packages")))
    }

    /// One in this folder, which need not be there yet.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All packages that are installed, by name and version.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn all(&self) -> Result<Vec<Installed>, PackageError> {
        let mut all = Vec::new();
        for name in entries(&self.root.join("names"))? {
            let Ok(name) = name.parse::<Name>() else { continue };
            for version in self.versions(&name)? {
                all.push(self.open(&name, &version)?);
            }
        }
        Ok(all)
    }

    /// The newest installed version that will do.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn find(&self, wanted: &Wanted) -> Result<Option<Installed>, PackageError> {
        let versions = self.versions(&wanted.name)?;
        let version = versions.iter().rev().find(|version| wanted.takes(version));
        version.map(|version| self.open(&wanted.name, version)).transpose()
    }

    /// The installed versions of a name, the newest last.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn versions(&self, name: &Name) -> Result<Vec<Version>, PackageError> {
        let found = entries(&self.root.join("names").join(name.as_str()))?;
        let version = |file: String| file.strip_suffix(".json")?.parse().ok();
        let mut versions: Vec<Version> = found.into_iter().filter_map(version).collect();
        versions.sort();
        Ok(versions)
    }

    /// A version that is installed, as far as its digests and its manifest go.
    fn open(&self, name: &Name, version: &Version) -> Result<Installed, PackageError> {
        let path = self.receipt(name, version);
        let text = fs::read(&path).map_err(PackageError::file("read", &path))?;
        let receipt: Receipt = serde_json::from_slice(&text)
            .map_err(|error| PackageError::package(&path)(error.to_string()))?;
        let Receipt { identity, key, source, index } = receipt;
        let folder = self.content(identity);
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read(&path).map_err(PackageError::file("read", path))
        };
        let changed = |file: &str| {
            PackageError::package(folder.join(file))(
                "changed since it was installed: remove the package and install it again"
                    .to_owned(),
            )
        };
        let text = read(digests::FILE)?;
        if Digest::of(&text) != identity {
            return Err(changed(digests::FILE));
        }
        let digests = Digests::read(&text).map_err(PackageError::package(&folder))?;
        let text = read(manifest::FILE)?;
        let entry = digests.files.get(manifest::FILE);
        if entry.is_none_or(|entry| entry.sha256 != Digest::of(&text)) {
            return Err(changed(manifest::FILE));
        }
        let manifest = Manifest::read(&text).map_err(PackageError::package(&folder))?;
        if (&manifest.name, &manifest.version) != (name, version) {
            return Err(PackageError::package(&path)(format!(
                "it stands for {} {}",
                manifest.name, manifest.version
            )));
        }
        Ok(Installed { manifest, digests, identity, folder, key, source, index })
    }

    pub(crate) fn receipt(&self, name: &Name, version: &Version) -> PathBuf {
        self.root.join("names").join(name.as_str()).join(format!("{version}.json"))
    }

    pub(crate) fn content(&self, identity: Digest) -> PathBuf {
        self.root.join("content").join(identity.to_string())
    }

    /// Takes the store for changes: nobody else changes it meanwhile. Waits for whoever does.
    pub(crate) fn take(&self) -> Result<Taken<'_>, PackageError> {
        let path = self.root.join("lock");
        let opened = fs::create_dir_all(&self.root).and_then(|()| File::create(&path));
        let lock = opened.map_err(PackageError::file("write", &path))?;
        lock.lock().map_err(PackageError::file("lock", &path))?;
        let taken = Taken { store: self, _lock: lock };
        taken.clean();
        Ok(taken)
    }

    /// Takes a version away; whether it was there.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub fn remove(&self, name: &Name, version: &Version) -> Result<bool, PackageError> {
        let taken = self.take()?;
        let receipt = self.receipt(name, version);
        match fs::remove_file(&receipt) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            done => done.map_err(PackageError::file("remove", &receipt))?,
        }
        taken.clean();
        Ok(true)
    }
}

/// A store that nobody else changes.
pub(crate) struct Taken<'a> {
    pub(crate) store: &'a Store,
    _lock: File,
}

impl Taken<'_> {
    /// A folder for what is not finished, on the same file system.
    pub(crate) fn unfinished(&self) -> Result<TempDir, PackageError> {
        let content = self.store.root.join("content");
        let made = fs::create_dir_all(&content)
            .and_then(|()| tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&content));
        made.map_err(PackageError::file("write", content))
    }

    /// Makes what is in a folder the content of an identity.
    pub(crate) fn settle(&self, folder: TempDir, identity: Digest) -> Result<(), PackageError> {
        let to = self.store.content(identity);
        let moved = || -> io::Result<()> {
            // What is there may have been changed since; it gives way.
            if to.exists() {
                let away = tempfile::Builder::new()
                    .prefix(UNFINISHED)
                    .tempdir_in(self.store.root.join("content"))?;
                fs::rename(&to, away.path().join("old"))?;
            }
            fs::rename(folder.path(), &to)?;
            let _ = folder.keep();
            sync(to.parent())
        };
        moved().map_err(PackageError::file("write", &to))
    }

    /// Writes a file of the store as a whole.
    pub(crate) fn write(&self, path: &Path, value: &impl Serialize) -> Result<(), PackageError> {
        let folder = path.parent().unwrap_or(&self.store.root);
        let write = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut file = whole::unfinished(folder, UNFINISHED)?;
            serde_json::to_writer_pretty(&mut file, value)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            sync(Some(folder))
        };
        write().map_err(PackageError::file("write", path))
    }

    /// Removes what an earlier change has left unfinished, and contents that no name stands for. What cannot be
    /// removed harms nobody.
    fn clean(&self) {
        let root = &self.store.root;
        let (content, names) = (root.join("content"), root.join("names"));
        let mut used = Vec::new();
        for name in entries(&names).unwrap_or_default() {
            let folder = names.join(name);
            for file in entries(&folder).unwrap_or_default() {
                let path = folder.join(&file);
                if file.starts_with(UNFINISHED) {
                    let _ = fs::remove_file(path);
                    continue;
                }
                let Ok(text) = fs::read(&path) else { return };
                // What nobody can read may stand for anything: nothing is removed then.
                let Ok(receipt) = serde_json::from_slice::<Receipt>(&text) else { return };
                used.push(receipt.identity.to_string());
            }
            let _ = fs::remove_dir(folder);
        }
        for entry in entries(&content).unwrap_or_default() {
            if !used.contains(&entry) {
                let _ = fs::remove_dir_all(content.join(entry));
            }
        }
        for file in entries(root).unwrap_or_default() {
            if file.starts_with(UNFINISHED) {
                let _ = fs::remove_file(root.join(file));
            }
        }
        // Only where they are empty.
        let _ = (fs::remove_dir(content), fs::remove_dir(names));
    }
}

/// Names of what is in a folder, in order; none if it is not there.
fn entries(folder: &Path) -> Result<Vec<String>, PackageError> {
    let found = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(PackageError::file("read", folder))?,
    };
    let mut names = Vec::new();
    for entry in found {
        let entry = entry.map_err(PackageError::file("read", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Puts what a folder lists on the disk.
fn sync(folder: Option<&Path>) -> io::Result<()> {
    match folder {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
