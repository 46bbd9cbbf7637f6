//! `drs.lock`: the very packages that an experts.toml means.

mod common;

use std::fs;

use common::{Place, name, unsigned};
use drs_packages::{Installed, LOCK, Lock, PackageError};

/// What a pool in the folder `pool` means by a name.
fn resolved(place: &Place, wanted: &str) -> Result<Option<Installed>, PackageError> {
    place.store.resolve(&wanted.parse().unwrap(), &place.path("pool"))
}

#[track_caller]
fn refused(place: &Place, wanted: &str, words: &str) {
    let problem = resolved(place, wanted).unwrap_err().to_string();
    assert!(problem.contains(words) && problem.contains(LOCK), "{problem}");
}

#[test]
fn a_lock_names_one_package_and_no_other_is_taken() {
    let place = Place::new();
    let folder = place.path("pool");
    fs::create_dir(&folder).unwrap();
    let first = place.package("1.0.0", "a");
    place.install(&first, &unsigned()).unwrap();
    let installed = resolved(&place, "cifar10").unwrap().unwrap();
    let lock = Lock::of([&installed, &installed]);
    lock.write(&folder).unwrap();
    assert_eq!(Lock::beside(&folder).unwrap().as_ref(), Some(&lock));
    assert_eq!(lock.packages.len(), 1);
    // A newer one is not taken, nor is what the lock does not name.
    place.install(&place.package("1.1.0", "b"), &unsigned()).unwrap();
    let version = |wanted: &str| resolved(&place, wanted).unwrap().unwrap().manifest.version;
    assert_eq!(version("cifar10@1").to_string(), "1.0.0");
    refused(&place, "cifar10@1.1", "it has cifar10 1.0.0, but cifar10@^1.1 is asked for");
    refused(&place, "other", "other is not in it");
    // Another package of that version is not the one that was meant.
    let version = "1.0.0".parse().unwrap();
    assert!(place.store.remove(&name(), &version).unwrap());
    refused(&place, "cifar10", "1.0.0 is not installed: drs expert install --locked");
    let downgrade = drs_packages::Consent { downgrade: true, ..unsigned() };
    place.install(&place.package("1.0.0", "c"), &downgrade).unwrap();
    refused(&place, "cifar10", "is another package here");
    fs::remove_file(folder.join(LOCK)).unwrap();
    assert_eq!(resolved(&place, "cifar10").unwrap().unwrap().manifest.version.to_string(), "1.1.0");
}

#[test]
fn what_is_no_lock_is_an_error() {
    let place = Place::new();
    let folder = place.path("pool");
    fs::create_dir(&folder).unwrap();
    let package = |name: &str| {
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nidentity = \"{}\"\n",
            "0".repeat(64)
        )
    };
    let twice = format!("format = 1\n{}{}", package("a"), package("a"));
    let outside = format!("format = 1\n{}", package("../a"));
    for (text, expected) in [
        ("", "format"),
        ("format = 2\n", "newer drs"),
        ("format = 1\nother = 1\n", "unknown field"),
        (twice.as_str(), "package[1]: a is there already"),
        (outside.as_str(), "expected a name"),
    ] {
        fs::write(folder.join(LOCK), text).unwrap();
        refused(&place, "a", expected);
    }
}
