//! An index: a static folder that tells which packages there are, and has them.
//!
//! ```text
//! index.json             its name, its serial, the digest of every listing
//! index.json.minisig     a signature of that
//! names/NAME.json        the listing of a name: its versions
//! packages/…             the packages
//! ```
//!
//! Whoever looks for one package reads `index.json`, one listing and the package. The signature covers
//! `index.json`, which has the digests of listings, which have those of packages. The serial grows with every
//! change: an index that is older than one seen before is refused.

mod made;
mod read;
mod seen;
mod site;

use std::collections::BTreeMap;

use drs_core::lattice::Digest;
use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::name::{Name, Wanted};
use crate::path;

pub use made::{Made, make};
pub use read::{Index, IndexKey, signer};
pub use site::{Folder, Site};

/// What an index begins with, in its folder.
pub(crate) const FILE: &str = "index.json";

/// The signature of that.
const SIGNATURE: &str = "index.json.minisig";

/// The version of the form of both files.
const FORMAT: u32 = 1;

/// Bytes of `index.json` and of a listing, at the most.
const MOST_BYTES: u64 = 16 << 20;

/// What `index.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Root {
    format: u32,
    name: Name,
    /// Grows with every change.
    serial: u64,
    /// Seconds since 1970 after which it must have been made anew, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    /// The digest of each listing.
    names: BTreeMap<Name, Digest>,
}

/// What `names/NAME.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    format: u32,
    name: Name,
    /// The newest last.
    releases: Vec<Release>,
}

/// A version that an index has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// The identity of the package.
    pub identity: Digest,
    /// Who signed it.
    pub key: PublicKey,
    /// Where the package is, from the folder of the index.
    pub file: String,
    /// The digest of that file.
    pub sha256: Digest,
    /// Its length.
    pub bytes: u64,
    /// Under which terms it may be used.
    pub license: String,
    /// A sentence about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The platforms that it has native code for; none if it needs none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
}

impl Root {
    fn read(text: &[u8]) -> Result<Self, String> {
        let root: Self = parse(text, FILE)?;
        format(root.format, FILE).map(|()| root)
    }
}

impl Listing {
    fn read(text: &[u8], name: &Name) -> Result<Self, String> {
        let file = listing(name);
        let listing: Self = parse(text, &file)?;
        format(listing.format, &file)?;
        if listing.name != *name {
            return Err(format!("{file}: name: {} found, expected {name}", listing.name));
        }
        let paths = listing.releases.iter().map(|release| release.file.as_str());
        path::check_all(paths).map_err(|problem| format!("{file}: {problem}"))?;
        Ok(listing)
    }

    /// The newest version that will do and runs on a platform; and whether one for others would.
    fn find(&self, wanted: &Wanted, target: &str) -> Result<&Release, String> {
        let takes = |release: &&Release| wanted.takes(&release.version);
        let runs = |release: &&Release| {
            release.targets.is_empty() || release.targets.iter().any(|other| other == target)
        };
        let newest = self.releases.iter().filter(takes).filter(runs);
        if let Some(newest) = newest.max_by_key(|release| &release.version) {
            return Ok(newest);
        }
        let versions: Vec<String> =
            self.releases.iter().map(|release| release.version.to_string()).collect();
        let others = self.releases.iter().filter(takes).flat_map(|release| &release.targets);
        let others: Vec<&str> = others.map(String::as_str).collect();
        Err(match others.is_empty() {
            true => format!("no version of {wanted} in it, only {}", versions.join(", ")),
            false => {
                format!("{wanted} has nothing for {target}, only for {}", others.join(", "))
            }
        })
    }
}

/// Where the listing of a name is.
fn listing(name: &Name) -> String {
    format!("names/{name}.json")
}

fn parse<T: DeserializeOwned>(text: &[u8], file: &str) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| format!("{file}: {error}"))
}

fn format(found: u32, file: &str) -> Result<(), String> {
    match found == FORMAT {
        true => Ok(()),
        false => {
            Err(format!("{file}: format {found} found, expected {FORMAT}: a newer drs may read it"))
        }
    }
}

/// As it is written.
fn text(value: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| error.to_string())?;
    text.push(b'\n');
    Ok(text)
}
