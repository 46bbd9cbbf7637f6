//! Indexes: made, read, and what somebody may do to one on its way.

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{HERE, Place, manifest, signer};
use drs_packages::{
    Folder, Index, IndexKey, Name, PackageError, PublicKey, Signer, Site, Store, make,
    signer as signer_of,
};

/// An index of these versions of one package.
fn index(place: &Place, signer: &Signer, versions: &[&str]) -> PathBuf {
    let folder = place.path("index");
    for version in versions {
        publish(place, signer, version, "a");
    }
    make(&folder, signer, Some(&called("lab")), None).unwrap();
    folder
}

fn publish(place: &Place, signer: &Signer, version: &str, text: &str) {
    let packages = place.path("index/packages");
    fs::create_dir_all(&packages).unwrap();
    let path = place.package(version, text);
    signer.sign_package(&path).unwrap();
    fs::rename(&path, packages.join(path.file_name().unwrap())).unwrap();
}

fn called(name: &str) -> Name {
    name.parse().unwrap()
}

/// The version that is found in an index, with its package looked at.
fn found(
    folder: &Path,
    store: &Store,
    key: &PublicKey,
    wanted: &str,
) -> Result<String, PackageError> {
    let site = Folder::new(folder.to_owned())?;
    let index = Index::open(&site, store, key.clone())?;
    let wanted = wanted.parse().unwrap();
    let release = index.find(&wanted, HERE.target)?.expect("a package of this name");
    let (_file, mut package) = index.fetch(&wanted.name, &release)?;
    package.check_contents()?;
    Ok(package.manifest.version.to_string())
}

#[track_caller]
fn refused(outcome: Result<impl Sized, PackageError>, words: &str) {
    let Err(error) = outcome else { panic!("not refused: {words}") };
    assert!(error.to_string().contains(words), "{error}");
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copied(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

#[test]
fn the_newest_version_that_will_do_is_found_and_a_copy_is_the_same_index() {
    let place = Place::new();
    let signer = signer();
    let folder = index(&place, &signer, &["1.0.0", "1.2.0", "2.0.0", "2.1.0-beta.1"]);
    let find = |folder: &Path, wanted: &str| found(folder, &place.store, &signer.key, wanted);
    assert_eq!(find(&folder, "cifar10").unwrap(), "2.0.0");
    assert_eq!(find(&folder, "cifar10@1").unwrap(), "1.2.0");
    assert_eq!(find(&folder, "cifar10@=1.0.0").unwrap(), "1.0.0");
    refused(find(&folder, "cifar10@3"), "no version of cifar10@^3 in it, only 1.0.0, 1.2.0");
    let mirror = place.path("mirror");
    copied(&folder, &mirror);
    assert_eq!(find(&mirror, "cifar10").unwrap(), "2.0.0");
    let site = Folder::new(folder).unwrap();
    let index = Index::open(&site, &place.store, signer.key.clone()).unwrap();
    assert!(index.find(&"other".parse().unwrap(), HERE.target).unwrap().is_none());
}

#[test]
fn only_what_changed_is_made_anew_and_a_version_is_published_once() {
    let place = Place::new();
    let (signer, other) = (signer(), signer());
    let folder = index(&place, &signer, &["1.0.0"]);
    let text = fs::read(folder.join("index.json")).unwrap();
    let made = make(&folder, &signer, None, None).unwrap();
    assert_eq!((made.serial, made.is_new), (1, false));
    assert_eq!(fs::read(folder.join("index.json")).unwrap(), text);
    publish(&place, &signer, "1.1.0", "b");
    let made = make(&folder, &signer, None, None).unwrap();
    assert_eq!((made.serial, made.is_new, made.packages[&called("cifar10")].len()), (2, true, 2));
    refused(make(&folder, &signer, Some(&called("home")), None), "it is called lab, not home");
    refused(make(&folder, &other, None, None), "not a signature of index.json");
    publish(&place, &signer, "1.1.0", "c");
    refused(make(&folder, &signer, None, None), "was published as another package before");
    fs::remove_file(folder.join("packages/cifar10-1.1.0.drsx")).unwrap();
    publish(&place, &other, "1.2.0", "c");
    refused(make(&folder, &signer, None, None), "expected one publisher of a name");
    fs::remove_file(folder.join("packages/cifar10-1.0.0.drsx")).unwrap();
    refused(make(&folder, &signer, None, None), "before, and is signed by");
    fs::remove_file(folder.join("packages/cifar10-1.2.0.drsx")).unwrap();
    let made = make(&folder, &signer, None, None).unwrap();
    assert!(made.packages.is_empty() && !folder.join("names/cifar10.json").exists());
    // Without a signature it tells nobody anything.
    let path = place.package("3.0.0", "a");
    fs::rename(&path, folder.join("packages/cifar10-3.0.0.drsx")).unwrap();
    refused(make(&folder, &signer, None, None), "nobody has signed it");
    refused(make(&place.path("new"), &signer, None, None), "give --name");
}

#[test]
fn an_old_index_is_refused_and_so_is_another_of_the_same_serial() {
    let place = Place::new();
    let signer = signer();
    let folder = index(&place, &signer, &["1.0.0"]);
    let (old, fork) = (place.path("old"), place.path("fork"));
    copied(&folder, &old);
    copied(&folder, &fork);
    publish(&place, &signer, "1.1.0", "a");
    make(&folder, &signer, None, None).unwrap();
    let find = |folder: &Path| found(folder, &place.store, &signer.key, "cifar10");
    assert_eq!(find(&old).unwrap(), "1.0.0");
    assert_eq!(find(&folder).unwrap(), "1.1.0");
    refused(find(&old), "serial 1 found, but serial 2 was seen before");
    // Whoever has seen neither cannot know.
    let elsewhere = Store::at(place.path("elsewhere"));
    assert_eq!(found(&old, &elsewhere, &signer.key, "cifar10").unwrap(), "1.0.0");
    fs::remove_file(fork.join("packages/cifar10-1.0.0.drsx")).unwrap();
    make(&fork, &signer, None, None).unwrap();
    refused(find(&fork), "another index of serial 2 was seen before");
}

#[test]
fn an_index_that_has_expired_is_refused() {
    let place = Place::new();
    let signer = signer();
    let folder = index(&place, &signer, &["1.0.0"]);
    let find = || found(&folder, &place.store, &signer.key, "cifar10");
    make(&folder, &signer, None, Some(Duration::from_secs(3600))).unwrap();
    assert_eq!(find().unwrap(), "1.0.0");
    make(&folder, &signer, None, Some(Duration::ZERO)).unwrap();
    refused(find(), "it was to be made anew");
}

#[test]
fn what_was_changed_on_the_way_is_refused() {
    let place = Place::new();
    let (signer, other) = (signer(), signer());
    let folder = index(&place, &signer, &["1.0.0", "1.1.0"]);
    let evil = place.path("evil");
    let changed = |file: &str, change: &dyn Fn(&mut Vec<u8>), words: &str| {
        let _ = fs::remove_dir_all(&evil);
        copied(&folder, &evil);
        let path = evil.join(file);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        refused(found(&evil, &place.store, &signer.key, "cifar10@1"), words);
    };
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    let middle = |bytes: &mut Vec<u8>| {
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
    };
    changed("index.json", &middle, "not a signature of index.json");
    changed("index.json.minisig", &flip, "index.json.minisig");
    changed("names/cifar10.json", &middle, "not the file that index.json lists");
    changed("packages/cifar10-1.1.0.drsx", &middle, "not the file that its listing names");
    changed("packages/cifar10-1.1.0.drsx", &|bytes| bytes.push(0), "longer than");
    changed("packages/cifar10-1.1.0.drsx", &|bytes| bytes.truncate(100), "not the file that");
    // An older version in the place of a newer one.
    let older = fs::read(folder.join("packages/cifar10-1.0.0.drsx")).unwrap();
    changed("packages/cifar10-1.1.0.drsx", &|bytes| bytes.clone_from(&older), "not the file that");
    for file in
        ["index.json", "index.json.minisig", "names/cifar10.json", "packages/cifar10-1.1.0.drsx"]
    {
        let _ = fs::remove_dir_all(&evil);
        copied(&folder, &evil);
        fs::remove_file(evil.join(file)).unwrap();
        refused(found(&evil, &place.store, &signer.key, "cifar10@1"), file);
    }
    refused(found(&folder, &place.store, &other.key, "cifar10"), "not a signature");
    assert_eq!(found(&folder, &place.store, &signer.key, "cifar10").unwrap(), "1.1.0");
}

#[test]
fn the_first_key_that_is_believed_for_an_index_is_kept() {
    let place = Place::new();
    let (own, other) = (signer(), signer());
    let folder = index(&place, &own, &["1.0.0"]);
    let site = Folder::new(folder.clone()).unwrap();
    let whose = |given: Option<&PublicKey>| signer_of(&site, &place.store, given);
    assert_eq!(whose(None).unwrap(), IndexKey::New(own.key.clone()));
    assert_eq!(whose(Some(&own.key)).unwrap(), IndexKey::Believed(own.key.clone()));
    let _ = Index::open(&site, &place.store, own.key.clone()).unwrap();
    assert_eq!(whose(None).unwrap(), IndexKey::Believed(own.key.clone()));
    refused(whose(Some(&other.key)), "is believed for this index");
    // Taken over: signed by somebody else, under the same address.
    fs::remove_file(folder.join("index.json")).unwrap();
    fs::remove_dir_all(folder.join("packages")).unwrap();
    make(&folder, &other, Some(&called("lab")), None).unwrap();
    let IndexKey::Believed(key) = whose(None).unwrap() else { panic!("nobody is believed") };
    refused(Index::open(&site, &place.store, key), "not a signature of index.json");
    assert!(place.store.forget_index(&site.place()).unwrap());
    assert_eq!(whose(None).unwrap(), IndexKey::New(other.key.clone()));
}

/// A server that sends without end.
struct Endless;

impl Site for Endless {
    fn place(&self) -> String {
        "https://endless".to_owned()
    }

    fn copy(&self, file: &str, most: u64, to: &mut dyn Write) -> Result<Option<u64>, PackageError> {
        assert!(most <= 16 << 20, "{file}: {most} bytes may come");
        to.write_all(b"{").unwrap();
        Ok(Some(1))
    }
}

#[test]
fn no_more_is_read_than_an_index_may_have() {
    let place = Place::new();
    refused(Index::open(&Endless, &place.store, signer().key), "index.json");
}

#[test]
fn a_package_for_other_machines_is_not_chosen() {
    let place = Place::new();
    let signer = signer();
    let folder = index(&place, &signer, &["1.0.0"]);
    let mut foreign = manifest("1.1.0");
    foreign.variants = vec![drs_packages::Variant {
        target: "riscv64gc-unknown-linux-gnu".to_owned(),
        interface: HERE.interface.to_owned(),
        library: "native/riscv64gc-unknown-linux-gnu/liba.so".to_owned(),
        needs: Vec::new(),
    }];
    let path = place.packed(foreign, "a");
    signer.sign_package(&path).unwrap();
    fs::rename(&path, folder.join("packages/cifar10-1.1.0.drsx")).unwrap();
    make(&folder, &signer, None, None).unwrap();
    let find = |wanted: &str| found(&folder, &place.store, &signer.key, wanted);
    assert_eq!(find("cifar10").unwrap(), "1.0.0");
    refused(find("cifar10@=1.1.0"), "nothing for x86_64-unknown-linux-gnu, only for riscv64gc");
}
