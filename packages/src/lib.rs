#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! Packages of experts and pools (`.drsx`): what is in them, who signed them, where they are installed.
//!
//! A package is a zip file. It holds `drs.toml` ([`Manifest`]), what that describes, `digests.json`
//! ([`Digests`]: the digest of every other file) and, if it is signed, `digests.json.minisig`.
//! The digest of `digests.json` is the package's identity: whoever knows it knows every byte.
//!
//! * `name`, `manifest`, `digests`, `path`: what a package says, and what names may be.
//! * `pool_file`: what the experts.toml of a package may say.
//! * `archive`: the zip file, written and read. Nothing is taken from it that `digests` do not list.
//! * `key`: signatures, in minisign's format; `signing`: how they are made.
//! * `store`: packages that are installed, each in a folder named by its identity.
//! * `trust`: whose signature is believed for which name.
//! * `install`: from a file into the store, as a whole or not at all.
//! * `index`: a folder or a server that has packages, and tells which.
//! * `lock`: `drs.lock`, which packages an experts.toml means.
//! * `whole`: files that are written as a whole.

/// The platform that this was built for, as Rust calls it: `x86_64-unknown-linux-gnu`.
pub const TARGET: &str = env!("DRS_TARGET");

mod archive;
mod digests;
mod error;
mod index;
mod install;
mod key;
mod lock;
mod manifest;
mod name;
mod path;
mod pool_file;
mod signing;
mod store;
mod trust;
mod whole;

pub use archive::{MOST_BYTES, Package, write};
pub use digests::{Digests, Entry, SIGNATURE};
pub use error::PackageError;
pub use index::{Folder, Index, IndexKey, Made, Release, Site, make, signer};
pub use install::{Consent, Machine, Need, install, needs};
pub use key::PublicKey;
pub use lock::{LOCK, Lock, Locked};
pub use manifest::{Manifest, Metric, Model, Pool, Variant};
pub use name::{Name, Wanted};
pub use pool_file::check_pool;
pub use signing::{Signer, generate};
pub use store::{Installed, Origin, Store};
