//! `drs.lock`: the very packages that an experts.toml means by their names.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use drs_core::lattice::Digest;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::error::PackageError;
use crate::key::PublicKey;
use crate::name::{Name, Wanted};
use crate::store::{Installed, Store};
use crate::whole;

/// Its name, beside experts.toml.
pub const LOCK: &str = "drs.lock";

/// The version of its form.
const FORMAT: u32 = 1;

/// Bytes of it, at the most.
const MOST_BYTES: u64 = 1 << 20;

/// What stands above it.
const HEAD: &str =
    "# Which packages experts.toml means. drs expert lock writes it: do not change it by hand.\n";

/// Packages, each by all of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: u32,
    /// In the order of their names.
    #[serde(default, rename = "package", skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Locked>,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// Its identity: the digest that stands for all of its bytes.
    pub identity: Digest,
    /// Who signed it, if anybody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
}

impl Lock {
    /// Of these packages.
    #[must_use]
    pub fn of<'a>(installed: impl IntoIterator<Item = &'a Installed>) -> Self {
        let locked = |installed: &Installed| Locked {
            name: installed.manifest.name.clone(),
            version: installed.manifest.version.clone(),
            identity: installed.identity,
            key: installed.key.clone(),
        };
        let mut packages: Vec<Locked> = installed.into_iter().map(locked).collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        packages.dedup();
        Self { format: FORMAT, packages }
    }

    /// The one in a folder, if there is one.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub fn beside(folder: &Path) -> Result<Option<Self>, PackageError> {
        let path = folder.join(LOCK);
        let length = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found.map_err(PackageError::file("read", &path))?.len(),
        };
        let wrong = |problem: String| PackageError::package(&path)(problem);
        if length > MOST_BYTES {
            return Err(wrong(format!("longer than {MOST_BYTES} bytes")));
        }
        let text = fs::read_to_string(&path).map_err(PackageError::file("read", &path))?;
        let lock: Self =
            toml::from_str(&text).map_err(|error| wrong(error.to_string().trim().to_owned()))?;
        if lock.format != FORMAT {
            return Err(wrong(format!(
                "format: {} found, expected {FORMAT}: a newer drs may read it",
                lock.format
            )));
        }
        for (place, package) in lock.packages.iter().enumerate() {
            if lock.packages[..place].iter().any(|other| other.name == package.name) {
                return Err(wrong(format!("package[{place}]: {} is there already", package.name)));
            }
        }
        Ok(Some(lock))
    }

    /// Writes it into a folder, as a whole.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), PackageError> {
        let path = folder.join(LOCK);
        let text = toml::to_string(self)
            .map_err(|error| PackageError::package(&path)(error.to_string()))?;
        let write = || -> io::Result<()> {
            let mut file = whole::unfinished(folder, ".unfinished-")?;
            file.write_all(HEAD.as_bytes())?;
            file.write_all(text.as_bytes())?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(PackageError::file("write", &path))
    }

    /// The package of a name.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Locked> {
        self.packages.iter().find(|package| package.name == *name)
    }
}

impl Locked {
    /// This version and no other.
    ///
    /// # Errors
    /// If no requirement can be made of it.
    pub fn wanted(&self) -> Result<Wanted, PackageError> {
        Wanted::exactly(&self.name, &self.version)
    }
}

impl Store {
    /// The package that an experts.toml in a folder means: the one that `drs.lock` names, where there is one, else
    /// the newest that will do. `None` if none is installed.
    ///
    /// # Errors
    /// If `drs.lock` does not name it, names one that will not do, or what is installed is not what it names.
    pub fn resolve(
        &self,
        wanted: &Wanted,
        folder: &Path,
    ) -> Result<Option<Installed>, PackageError> {
        let Some(lock) = Lock::beside(folder)? else { return self.find(wanted) };
        let path = folder.join(LOCK);
        let wrong = |problem: String| PackageError::package(path)(problem);
        let Some(locked) = lock.get(&wanted.name) else {
            return Err(wrong(format!(
                "{} is not in it: drs expert lock writes it anew",
                wanted.name
            )));
        };
        let Locked { name, version, identity, .. } = locked;
        if !wanted.takes(version) {
            return Err(wrong(format!(
                "it has {name} {version}, but {wanted} is asked for: drs expert lock writes it anew"
            )));
        }
        match self.find(&locked.wanted()?)? {
            None => Err(wrong(format!(
                "{name} {version} is not installed: drs expert install --locked installs what it names"
            ))),
            Some(found) if found.identity != *identity => Err(wrong(format!(
                "{name} {version} is another package here ({}) than the one that it names ({identity})",
                found.identity
            ))),
            found => Ok(found),
        }
    }
}
