//! Packages, written, read, signed and installed; and whose they are.

mod common;

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use common::{HERE, Place, believing, manifest, name, signer, unsigned};
use drs_packages::{Consent, Machine, Need, Package, Signer, Variant, generate, needs};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[test]
fn the_same_files_give_the_same_bytes() {
    let place = Place::new();
    let first = fs::read(place.package("1.0.0", "a")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(fs::read(place.package("1.0.0", "a")).unwrap(), first);
    assert_ne!(fs::read(place.package("1.0.0", "b")).unwrap(), first);
}

#[test]
fn what_is_packed_signed_and_installed_is_what_is_found() {
    let place = Place::new();
    let signer = signer();
    let path = place.package("1.0.0", "text");
    signer.sign_package(&path).unwrap();
    assert_eq!(place.store.all().unwrap().len(), 0);
    place.install(&path, &believing(&signer.key)).unwrap();
    let found = place.store.find(&"cifar10@1".parse().unwrap()).unwrap().unwrap();
    assert_eq!(found.manifest, manifest("1.0.0"));
    assert_eq!((found.key, found.source.as_str()), (Some(signer.key.clone()), "a test"));
    assert_eq!(fs::read_to_string(found.folder.join("experts.toml")).unwrap(), "# text\n");
    assert_eq!(fs::read(found.folder.join("models/s025.onnx")).unwrap(), [7; 1000]);
    assert!(place.store.find(&"cifar10@2".parse().unwrap()).unwrap().is_none());
    // The key is believed now, and no other consent is needed.
    let package = Package::open(&path).unwrap();
    assert_eq!(needs(&place.store, &package, &Consent::default(), HERE).unwrap(), []);
    // Gone, but for whose name it is.
    assert!(place.store.remove(&name(), &"1.0.0".parse().unwrap()).unwrap());
    assert!(!place.store.remove(&name(), &"1.0.0".parse().unwrap()).unwrap());
    assert_eq!(place.files().into_keys().collect::<Vec<_>>(), [Path::new("keys.json")]);
    assert!(place.store.forget_key(&name()).unwrap());
}

#[test]
fn an_encrypted_key_needs_its_password() {
    let (public, secret) = generate(Some("sesame".to_owned())).unwrap();
    let read = |password: &str| Signer::read(&secret, || Ok(password.to_owned()));
    assert_eq!(read("sesame").unwrap().key, public.parse().unwrap());
    assert!(read("sesam").is_err());
}

#[test]
fn consent_is_asked_for_what_needs_it() {
    let place = Place::new();
    let path = place.package("1.0.0", "a");
    let open = || Package::open(&path).unwrap();
    let none = Consent::default();
    assert_eq!(needs(&place.store, &open(), &none, HERE).unwrap(), [Need::Unsigned]);
    let refused = place.install(&path, &none).unwrap_err().to_string();
    assert!(refused.contains("--allow-unsigned"), "{refused}");
    let signer = signer();
    signer.sign_package(&path).unwrap();
    let key = Need::Key(signer.key.clone());
    assert_eq!(needs(&place.store, &open(), &none, HERE).unwrap(), std::slice::from_ref(&key));
    assert!(place.install(&path, &none).unwrap_err().to_string().contains("--trust RW"));
    // To allow unsigned packages is no belief in a key.
    assert_eq!(needs(&place.store, &open(), &unsigned(), HERE).unwrap(), [key]);
    assert_eq!(place.files().len(), 0);
}

#[test]
fn native_code_needs_consent_and_a_variant() {
    let place = Place::new();
    let variant = Variant {
        target: HERE.target.to_owned(),
        interface: "0.1.0".to_owned(),
        library: "native/x86_64-unknown-linux-gnu/libdrs_expert_x.so".to_owned(),
        needs: Vec::new(),
    };
    let mut native = manifest("1.0.0");
    native.variants.push(variant);
    let path = place.packed(native, "a");
    let package = Package::open(&path).unwrap();
    assert_eq!(needs(&place.store, &package, &unsigned(), HERE).unwrap(), [Need::Native]);
    let consent = Consent { native: true, ..unsigned() };
    let elsewhere = |machine: Machine<'_>| {
        needs(&place.store, &package, &consent, machine).unwrap_err().to_string()
    };
    let other = elsewhere(Machine { target: "aarch64-unknown-linux-gnu", ..HERE });
    assert!(other.contains("only for x86_64-unknown-linux-gnu"), "{other}");
    for interface in ["0.2.0", "0.0.9", "1.0.0"] {
        let other = elsewhere(Machine { interface, ..HERE });
        assert!(other.contains("built against version 0.1.0"), "{interface}: {other}");
    }
    let later = Machine { interface: "0.1.7", ..HERE };
    assert_eq!(needs(&place.store, &package, &consent, later).unwrap(), []);
    place.install(&path, &consent).unwrap();
}

#[test]
fn models_that_are_code_need_consent_whatever_the_manifest_says() {
    let place = Place::new();
    for kind in ["torchscript", "export"] {
        // The manifest says that the plugin is onnx.
        let experts = format!(
            "a pool\n[[expert]]\nname = \"s025\"\nplugin = \"torch\"\nconfig = {{ kind = \"{kind}\", model = \"models/s025.onnx\" }}"
        );
        let path = place.package("1.0.0", &experts);
        let package = Package::open(&path).unwrap();
        assert_eq!(needs(&place.store, &package, &unsigned(), HERE).unwrap(), [Need::Native]);
        let refused = place.install(&path, &unsigned()).unwrap_err().to_string();
        assert!(refused.contains("--allow-native"), "{kind}: {refused}");
        assert_eq!(place.files().len(), 0);
    }
}

#[test]
fn the_code_of_another_platform_is_not_taken_for_that_of_this_one() {
    let place = Place::new();
    let library = |target: &str| format!("native/{target}/libdrs_expert_x.so");
    let mut native = manifest("1.0.0");
    native.variants = ["aarch64-unknown-linux-gnu", HERE.target]
        .map(|target| Variant {
            target: target.to_owned(),
            interface: "0.1.0".to_owned(),
            library: library(target),
            needs: Vec::new(),
        })
        .into();
    let path = place.packed(native, "a");
    let signer = signer();
    let mut files = contents(&path);
    let own = library(HERE.target);
    files.iter_mut().find(|(name, _)| *name == own).unwrap().1 = vec![8; 1000];
    rewrite(&path, &files);
    let consent = Consent { native: true, ..believing(&signer.key) };
    // Not what was digested: nobody signs it, nobody installs it.
    assert!(signer.sign_package(&path).is_err());
    let refused = place.install(&path, &Consent { native: true, ..unsigned() });
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains(&own), "{refused}");
    // Nor may the manifest of a signed package point to the other one.
    files.iter_mut().find(|(name, _)| *name == own).unwrap().1 = vec![7; 1000];
    rewrite(&path, &files);
    signer.sign_package(&path).unwrap();
    let mut swapped = contents(&path);
    let toml = &mut swapped.iter_mut().find(|(name, _)| name == "drs.toml").unwrap().1;
    let text = String::from_utf8(toml.clone()).unwrap();
    *toml = text.replace(&own, &library("aarch64-unknown-linux-gnu")).into_bytes();
    rewrite(&path, &swapped);
    assert!(place.install(&path, &consent).is_err());
    assert_eq!(place.files().len(), 0);
    rewrite(&path, &files);
    signer.sign_package(&path).unwrap();
    place.install(&path, &consent).unwrap();
}

#[test]
fn a_name_stays_with_the_key_that_had_it_first() {
    let place = Place::new();
    let (publisher, attacker) = (signer(), signer());
    let path = place.package("1.0.0", "a");
    publisher.sign_package(&path).unwrap();
    place.install(&path, &believing(&publisher.key)).unwrap();
    let before = place.files();
    let next = place.package("1.1.0", "evil");
    for consent in [Consent::default(), unsigned(), believing(&attacker.key)] {
        let refused = place.install(&next, &consent).unwrap_err().to_string();
        assert!(refused.contains("nobody has signed this package"), "{refused}");
    }
    attacker.sign_package(&next).unwrap();
    for consent in [Consent::default(), unsigned(), believing(&attacker.key)] {
        let refused = place.install(&next, &consent).unwrap_err().to_string();
        assert!(refused.contains("was signed by") && refused.contains("forget"), "{refused}");
    }
    // A signature that names the publisher's key, and is not by it.
    let mut text = attacker.sign(Package::open(&next).unwrap().to_sign(), "cifar10 1.1.0").unwrap();
    text = text.replace(&attacker.key.to_string(), &publisher.key.to_string());
    resign(&next, &text);
    assert!(place.install(&next, &Consent::default()).is_err());
    // Removed or not: the name is not free.
    assert_eq!(place.files(), before);
    assert!(place.store.remove(&name(), &"1.0.0".parse().unwrap()).unwrap());
    assert!(place.install(&next, &believing(&attacker.key)).is_err());
    publisher.sign_package(&next).unwrap();
    place.install(&next, &Consent::default()).unwrap();
}

#[test]
fn the_first_key_must_have_signed() {
    let place = Place::new();
    let (publisher, attacker) = (signer(), signer());
    let path = place.package("1.0.0", "evil");
    attacker.sign_package(&path).unwrap();
    let refused = place.install(&path, &believing(&publisher.key)).unwrap_err().to_string();
    assert!(refused.contains("not a signature of digests.json by the key"), "{refused}");
    // Nor is a key asked about that the signature only names.
    let mut text = attacker.sign(Package::open(&path).unwrap().to_sign(), "cifar10 1.0.0").unwrap();
    text = text.replace(&attacker.key.to_string(), &publisher.key.to_string());
    resign(&path, &text);
    let package = Package::open(&path).unwrap();
    assert_eq!(package.signer(), Some(publisher.key.clone()));
    assert!(needs(&place.store, &package, &Consent::default(), HERE).is_err());
    assert_eq!(place.files().len(), 0);
}

#[test]
fn older_versions_and_other_packages_of_a_version_are_refused() {
    let place = Place::new();
    let signer = signer();
    let signed = |version: &str, text: &str| {
        let path = place.package(version, text);
        signer.sign_package(&path).unwrap();
        path
    };
    place.install(&signed("1.1.0", "a"), &believing(&signer.key)).unwrap();
    let old = signed("1.0.0", "a");
    let refused = place.install(&old, &Consent::default()).unwrap_err().to_string();
    assert!(refused.contains("1.1.0") && refused.contains("--allow-downgrade"), "{refused}");
    let other = place.install(&signed("1.1.0", "b"), &Consent::default()).unwrap_err().to_string();
    assert!(other.contains("published once"), "{other}");
    place.install(&old, &Consent { downgrade: true, ..Consent::default() }).unwrap();
    let versions = place.store.versions(&name()).unwrap();
    assert_eq!(versions, ["1.0.0", "1.1.0"].map(|version| version.parse().unwrap()));
    let newest = place.store.find(&"cifar10".parse().unwrap()).unwrap().unwrap();
    assert_eq!(newest.manifest.version.to_string(), "1.1.0");
}

/// The package again, with these bytes for a signature.
fn resign(path: &Path, signature: &str) {
    let mut files = contents(path);
    for (_, bytes) in files.iter_mut().filter(|(name, _)| name.ends_with(".minisig")) {
        *bytes = signature.as_bytes().to_vec();
    }
    rewrite(path, &files);
}

fn rewrite(path: &Path, files: &[(String, Vec<u8>)]) {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in files {
        zip.start_file(name, plain).unwrap();
        zip.write_all(bytes).unwrap();
    }
    fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
}

fn contents(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let count = archive.len();
    let each = |index| {
        let mut file = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        std::io::copy(&mut file, &mut bytes).unwrap();
        (file.name().unwrap().into_owned(), bytes)
    };
    (0..count).map(each).collect()
}

#[test]
fn what_was_changed_after_it_was_installed_is_told() {
    let place = Place::new();
    place.install(&place.package("1.0.0", "a"), &unsigned()).unwrap();
    let found = place.store.find(&"cifar10".parse().unwrap()).unwrap().unwrap();
    assert_eq!(found.changed().unwrap(), Vec::<String>::new());
    let victim = found.folder.join("models/s025.onnx");
    assert!(fs::metadata(&victim).unwrap().permissions().readonly());
    fs::remove_file(&victim).unwrap();
    fs::write(&victim, "other").unwrap();
    assert_eq!(found.changed().unwrap(), ["models/s025.onnx"]);
    // Installed again, it is right again.
    place.install(&place.package("1.0.0", "a"), &unsigned()).unwrap();
    assert_eq!(found.changed().unwrap(), Vec::<String>::new());
    // Other files whose digests fit are another package.
    let told = |place: &Place| {
        let problem = place.store.find(&"cifar10".parse().unwrap()).unwrap_err().to_string();
        assert!(problem.contains("changed since it was installed"), "{problem}");
    };
    let change = |file: &str, from: &str, to: &str| {
        let path = found.folder.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::remove_file(&path).unwrap();
        fs::write(&path, text.replace(from, to)).unwrap();
    };
    change("digests.json", "\n", "\n ");
    told(&place);
    place.install(&place.package("1.0.0", "a"), &unsigned()).unwrap();
    change("drs.toml", "MIT", "GPL");
    told(&place);
}

#[test]
fn two_at_once_install_one_after_the_other() {
    let place = Place::new();
    let paths = ["1.0.0", "1.0.1", "1.0.2", "1.0.3"].map(|version| place.package(version, version));
    let consent = Consent { downgrade: true, ..unsigned() };
    std::thread::scope(|scope| {
        for path in paths.iter().cycle().take(16) {
            scope.spawn(|| place.install(path, &consent).unwrap());
        }
    });
    assert_eq!(place.store.all().unwrap().len(), 4);
    for installed in place.store.all().unwrap() {
        assert_eq!(installed.changed().unwrap(), Vec::<String>::new());
    }
}
