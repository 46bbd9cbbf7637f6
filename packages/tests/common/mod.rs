//! What the tests of packages share.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use drs_packages::{
    Consent, Machine, Manifest, Model, Name, Origin, Package, PackageError, Pool, PublicKey,
    Signer, Store, generate, install, write,
};
use tempfile::TempDir;

pub const HERE: Machine<'_> = Machine { target: "x86_64-unknown-linux-gnu", interface: "0.1.0" };

/// A folder with packages, keys, and a store.
pub struct Place {
    folder: TempDir,
    pub store: Store,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("store"));
        Self { folder, store }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A pool of this version, whose experts.toml is this text.
    pub fn package(&self, version: &str, text: &str) -> PathBuf {
        self.packed(manifest(version), text)
    }

    pub fn packed(&self, manifest: Manifest, text: &str) -> PathBuf {
        let path = self.path(&format!("cifar10-{}.drsx", manifest.version));
        fs::write(self.path("experts.toml"), format!("# {text}\n")).unwrap();
        fs::write(self.path("s025.onnx"), [7; 1000]).unwrap();
        let mut files = BTreeMap::from([
            ("experts.toml".to_owned(), self.path("experts.toml")),
            ("models/s025.onnx".to_owned(), self.path("s025.onnx")),
        ]);
        for variant in &manifest.variants {
            files.insert(variant.library.clone(), self.path("s025.onnx"));
        }
        write(fs::File::create(&path).unwrap(), &manifest, &files).unwrap();
        path
    }

    pub fn install(&self, path: &Path, consent: &Consent) -> Result<(), PackageError> {
        let mut package = Package::open(path)?;
        let origin = Origin { source: "a test".to_owned(), index: None };
        install(&self.store, &mut package, consent, HERE, &origin).map(drop)
    }

    /// Every file of the store but its lock.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.store.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("lock") {
                    let inside = path.strip_prefix(self.store.root()).unwrap().to_owned();
                    found.insert(inside, fs::read(path).unwrap());
                }
            }
        }
        found
    }
}

pub fn manifest(version: &str) -> Manifest {
    let model = Model { name: "s025".to_owned(), sigma: 0.25, plugin: "onnx".to_owned() };
    let pool = Pool {
        experts: "experts.toml".to_owned(),
        shape: [3, 32, 32],
        classes: vec!["cat".to_owned(), "dog".to_owned()],
        models: vec![model],
    };
    let (name, version) = ("cifar10".parse().unwrap(), version.parse().unwrap());
    let mut manifest = Manifest::new(name, version, "MIT".to_owned());
    manifest.pool = Some(pool);
    manifest
}

pub fn signer() -> Signer {
    let (_, secret) = generate(None).unwrap();
    Signer::read(&secret, || panic!("no password is needed")).unwrap()
}

pub fn name() -> Name {
    "cifar10".parse().unwrap()
}

pub fn believing(key: &PublicKey) -> Consent {
    Consent { key: Some(key.clone()), ..Consent::default() }
}

pub fn unsigned() -> Consent {
    Consent { unsigned: true, ..Consent::default() }
}
