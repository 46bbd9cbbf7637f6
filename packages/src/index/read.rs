//! An index, read with suspicion.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use drs_core::lattice::Digest;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::seen::Sight;
use super::site::{Site, small};
use super::{FILE, Listing, MOST_BYTES, Release, Root, SIGNATURE, listing};
use crate::archive::{self, Package};
use crate::error::PackageError;
use crate::key::{self, PublicKey};
use crate::name::{Name, Wanted};
use crate::store::Store;

/// Bytes of a signature, at the most.
const MOST_SIGNATURE: u64 = 4096;

/// An index whose signature was checked.
pub struct Index<'a> {
    site: &'a dyn Site,
    root: Root,
    /// Who signed it.
    pub key: PublicKey,
}

/// Whose an index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexKey {
    /// A key that the user gave, or that was believed before.
    Believed(PublicKey),
    /// Nobody is believed for it yet; it says that this key signed it.
    New(PublicKey),
}

/// Which key is to be checked: the one that was given, else the one that is believed for the place, else the one
/// that the index names.
///
/// # Errors
/// If the index cannot be read, names no key where none is known, or another key is believed than was given.
pub fn signer(
    site: &dyn Site,
    store: &Store,
    given: Option<&PublicKey>,
) -> Result<IndexKey, PackageError> {
    let place = site.place();
    let known = store.index_key(&place)?;
    match (given, known) {
        (Some(given), Some(known)) if *given != known => Err(PackageError::Refused(format!(
            "{place}: the key {given} was given, but {known} is believed for this index. If it did change: drs expert forget --index {place}"
        ))),
        (Some(key), _) => Ok(IndexKey::Believed(key.clone())),
        (None, Some(known)) => Ok(IndexKey::Believed(known)),
        (None, None) => {
            let signature = signature(site)?;
            key::signer(&signature).map(IndexKey::New).ok_or_else(|| {
                PackageError::Refused(format!(
                    "{place}: {SIGNATURE} does not say which key made it: give the publisher's, --trust-index KEY"
                ))
            })
        }
    }
}

fn signature(site: &dyn Site) -> Result<String, PackageError> {
    let text = small(site, SIGNATURE, MOST_SIGNATURE)?.ok_or_else(|| none(site, SIGNATURE))?;
    String::from_utf8(text).map_err(|_| wrong(site)(format!("{SIGNATURE}: expected a text")))
}

fn none(site: &dyn Site, file: &str) -> PackageError {
    PackageError::Refused(format!(
        "{}: no index: it has no {file}; expected what drs expert index makes",
        site.place()
    ))
}

fn wrong(site: &dyn Site) -> impl Fn(String) -> PackageError {
    let place = site.place();
    move |problem| PackageError::Refused(format!("{place}: {problem}"))
}

impl<'a> Index<'a> {
    /// Opens an index that this key must have signed, and remembers it.
    ///
    /// # Errors
    /// If it cannot be read, another key signed it, it has expired, or a newer one was seen before.
    pub fn open(site: &'a dyn Site, store: &Store, key: PublicKey) -> Result<Self, PackageError> {
        let wrong = wrong(site);
        let text = small(site, FILE, MOST_BYTES)?.ok_or_else(|| none(site, FILE))?;
        // A newer index may come between the two files; it is then read once more.
        let checked = key.check(&signature(site)?, &text, [SIGNATURE, FILE]);
        let text = match checked {
            Ok(()) => text,
            Err(_) => {
                let text = small(site, FILE, MOST_BYTES)?.ok_or_else(|| none(site, FILE))?;
                key.check(&signature(site)?, &text, [SIGNATURE, FILE]).map_err(&wrong)?;
                text
            }
        };
        let root = Root::read(&text).map_err(&wrong)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Some(expired) = root.expires.and_then(|expires| now.checked_sub(expires)) {
            return Err(wrong(format!(
                "{FILE}: it was to be made anew {} days ago: its publisher does not, or somebody shows an old one",
                expired / 86_400
            )));
        }
        store.see(&Sight {
            place: &site.place(),
            key: &key,
            name: root.name.as_str(),
            serial: root.serial,
            sha256: Digest::of(&text),
        })?;
        Ok(Self { site, root, key })
    }

    /// The names that it has.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.root.names.keys()
    }

    /// The newest version that will do on a platform; `None` if it has no such name.
    ///
    /// # Errors
    /// If the listing is not the one of this index, or has no such version.
    pub fn find(&self, wanted: &Wanted, target: &str) -> Result<Option<Release>, PackageError> {
        let wrong = wrong(self.site);
        let Some(sha256) = self.root.names.get(&wanted.name) else { return Ok(None) };
        let file = listing(&wanted.name);
        let text = small(self.site, &file, MOST_BYTES)?.ok_or_else(|| none(self.site, &file))?;
        if Digest::of(&text) != *sha256 {
            return Err(wrong(format!("{file}: not the file that {FILE} lists")));
        }
        let listing = Listing::read(&text, &wanted.name).map_err(&wrong)?;
        listing.find(wanted, target).cloned().map(Some).map_err(wrong)
    }

    /// Copies a package of it into a temporary file, and opens it there.
    ///
    /// # Errors
    /// If it cannot be read, or is not the package that the index lists.
    pub fn fetch(
        &self,
        name: &Name,
        release: &Release,
    ) -> Result<(NamedTempFile, Package), PackageError> {
        let wrong = wrong(self.site);
        let Release { file, bytes, .. } = release;
        if *bytes > archive::MOST_BYTES {
            return Err(wrong(format!(
                "{file}: {bytes} bytes, expected at most {}",
                archive::MOST_BYTES
            )));
        }
        let temporary =
            NamedTempFile::new().map_err(PackageError::file("write", std::env::temp_dir()))?;
        let mut to = Hashed { to: temporary.as_file(), sha256: Sha256::new() };
        let copied = self.site.copy(file, *bytes, &mut to)?.ok_or_else(|| none(self.site, file))?;
        if copied != *bytes || Digest(to.sha256.finalize().into()) != release.sha256 {
            return Err(wrong(format!("{file}: not the file that its listing names")));
        }
        let package = Package::open(temporary.path())?;
        let manifest = &package.manifest;
        let is_it = manifest.name == *name
            && manifest.version == release.version
            && package.identity == release.identity;
        match is_it {
            true => Ok((temporary, package)),
            false => Err(wrong(format!(
                "{file}: {} {} found, expected {name} {}",
                manifest.name, manifest.version, release.version
            ))),
        }
    }
}

/// Digests what it writes.
struct Hashed<W> {
    to: W,
    sha256: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
