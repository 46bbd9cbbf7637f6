//! Files that are no packages, or not the ones that they were.

mod common;

use std::fs;
use std::io::{Cursor, Write as _};

use common::{Place, believing, manifest, name, signer, unsigned};
use drs_packages::{Package, PackageError};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

#[test]
fn a_changed_byte_installs_nothing_else() {
    let place = Place::new();
    let signer = signer();
    let path = place.package("1.0.0", "a");
    signer.sign_package(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let right = Package::open(&path).unwrap().digests;
    let changed = place.path("changed.drsx");
    let (mut same, mut refused) = (0, 0);
    for index in 0..bytes.len() {
        let mut other = bytes.clone();
        other[index] ^= 1 << (index % 8);
        fs::write(&changed, other).unwrap();
        let looked = || -> Result<Package, PackageError> {
            let mut package = Package::open(&changed)?;
            package.check_signature(&signer.key)?;
            package.check_contents().map(|()| package)
        };
        let looked = looked();
        // Installing looks at the same things, and takes its time.
        if index % 25 == 0 {
            let installed = place.install(&changed, &believing(&signer.key));
            assert_eq!(installed.is_ok(), looked.is_ok(), "byte {index}");
            assert_eq!(place.store.all().unwrap().len(), usize::from(looked.is_ok()));
            let _ = place.store.remove(&name(), &"1.0.0".parse().unwrap()).unwrap();
        }
        match looked {
            // What a zip file says of times and the like plays no part.
            Ok(package) => {
                same += 1;
                assert_eq!(package.digests, right, "byte {index}");
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 2000 && same < refused, "{refused} refused, {same} the same");
}

/// A zip file of these, each with its way of being there.
fn zipped(files: &[(&str, &[u8], SimpleFileOptions)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes, how) in files {
        zip.start_file(*name, *how).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A package whose experts.toml is a link to a file `a`.
fn linked(toml: &[u8]) -> Vec<u8> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("experts.toml", "#", stored).unwrap();
    let listing = digests(&[("drs.toml", toml), ("experts.toml", b"#")]);
    for (name, bytes) in [("drs.toml", toml), ("digests.json", listing.as_bytes())] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What `digests.json` says of these files.
fn digests(files: &[(&str, &[u8])]) -> String {
    let entries: Vec<String> = files
        .iter()
        .map(|(name, bytes)| {
            let sha256 = drs_core::lattice::Digest::of(bytes);
            format!("{name:?}: {{\"sha256\": \"{sha256}\", \"bytes\": {}}}", bytes.len())
        })
        .collect();
    format!("{{\"format\": 1, \"files\": {{{}}}}}", entries.join(", "))
}

#[test]
fn what_is_no_package_is_refused_by_name() {
    let place = Place::new();
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let packed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let toml = manifest("1.0.0").text().unwrap();
    let toml = toml.as_bytes();
    let bomb = vec![0; 10_000_000];
    let huge = format!("{}description = \"{}\"\n", "", "x".repeat(2_000_000));
    let boast = digests(&[("drs.toml", toml)]).replace("\"bytes\": ", "\"bytes\": 9");
    let usual = |more: &[(&'static str, &'static [u8])]| {
        let mut all = vec![("drs.toml", toml), ("experts.toml", b"#"), ("m.onnx", b"a")];
        all.extend(more);
        all
    };
    let build = |listed: &[(&str, &[u8])], more: &[(&str, &[u8], SimpleFileOptions)]| {
        let listing = digests(listed);
        let mut files: Vec<(&str, &[u8], SimpleFileOptions)> =
            listed.iter().map(|(name, bytes)| (*name, *bytes, stored)).collect();
        for other in more {
            files.retain(|file| file.0 != other.0);
            files.push(*other);
        }
        files.push(("digests.json", listing.as_bytes(), stored));
        zipped(&files)
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "no package"),
        ("text", b"hello".to_vec(), "no package"),
        ("an empty zip", zipped(&[]), "digests.json"),
        ("slip", build(&usual(&[("../evil", b"x")]), &[]), "../evil"),
        ("absolute", build(&usual(&[("/etc/evil", b"x")]), &[]), "/etc/evil"),
        ("backslash", build(&usual(&[("a\\b", b"x")]), &[]), "a\\\\b"),
        ("case", build(&usual(&[("Experts.toml", b"x")]), &[]), "upper and lower case"),
        ("file and folder", build(&usual(&[("experts.toml/a", b"x")]), &[]), "a file and a folder"),
        ("unlisted", build(&usual(&[]), &[("evil", b"x", stored)]), "5 files found"),
        ("bomb", build(&usual(&[]), &[("m.onnx", &bomb, packed)]), "compressed"),
        ("longer", build(&usual(&[]), &[("m.onnx", b"ab", stored)]), "longer than"),
        ("another", build(&usual(&[]), &[("m.onnx", b"b", stored)]), "its sha256 is another"),
        ("link", linked(toml), "link"),
        (
            "huge manifest",
            build(&[("drs.toml", huge.as_bytes()), ("experts.toml", b"#")], &[]),
            "longer than 1048576",
        ),
        (
            "more than there is",
            zipped(&[("drs.toml", toml, stored), ("digests.json", boast.as_bytes(), stored)]),
            "more bytes than the package has",
        ),
        ("no manifest", build(&[("experts.toml", b"#")], &[]), "drs.toml: not in it"),
        (
            "code outside",
            build(&[("drs.toml", toml), ("experts.toml", b"[[expert]]\nplugin = \"./x.so\"")], &[]),
            "expert[0].plugin",
        ),
        (
            "a plugin that is not there",
            build(&[("drs.toml", toml), ("experts.toml", b"[[expert]]\nplugin = \"mine\"")], &[]),
            "not in the package either",
        ),
        ("no experts.toml", build(&[("drs.toml", toml)], &[]), "it names experts.toml"),
    ];
    for (what, bytes, expected) in cases {
        let path = place.path("bad.drsx");
        fs::write(&path, bytes).unwrap();
        let problem = place.install(&path, &unsigned()).expect_err(what).to_string();
        assert!(problem.contains(expected) && problem.contains("bad.drsx"), "{what}: {problem}");
        assert_eq!(place.files().len(), 0, "{what}");
    }
    // The same, right.
    let path = place.path("good.drsx");
    fs::write(&path, build(&usual(&[]), &[])).unwrap();
    place.install(&path, &unsigned()).unwrap();
}

#[test]
fn damaged_packages_end_in_an_error_or_the_same_files() {
    let place = Place::new();
    let bytes = fs::read(place.package("1.0.0", "a")).unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    let path = place.path("damaged.drsx");
    for _ in 0..2000 {
        let mut damaged = bytes.clone();
        for _ in 0..rng.random_range(1..5) {
            let place = rng.random_range(0..damaged.len());
            match rng.random_range(0..4) {
                0 => damaged[place] = rng.random(),
                1 => damaged.truncate(place + 1),
                2 => drop(damaged.drain(place..(place + 20).min(damaged.len() - 1).max(place))),
                _ => damaged.insert(place, rng.random()),
            }
        }
        fs::write(&path, damaged).unwrap();
        if let Ok(mut package) = Package::open(&path) {
            let _ = package.check_contents();
        }
    }
}
