//! The index of the repository: what is in it is what the examples hold, and users can install it.

use std::fs;
use std::path::{Path, PathBuf};

use drs_packages::{Package, PublicKey};
use drs_tests::{Place, example};
use serde_json::Value;

use super::{User, bare};

fn root() -> PathBuf {
    example().ancestors().nth(2).unwrap().to_owned()
}

fn key() -> String {
    let key: PublicKey = fs::read_to_string(root().join("index/drs.pub")).unwrap().parse().unwrap();
    key.to_string()
}

#[test]
fn its_packages_are_the_examples() {
    let place = Place::new();
    let packages = fs::read_dir(root().join("index/packages")).unwrap();
    let mut names = Vec::new();
    for path in packages.map(|entry| entry.unwrap().path()) {
        let mut package = Package::open(&path).unwrap();
        package.check_signature(&key().parse().unwrap()).unwrap();
        package.check_contents().unwrap();
        let name = package.manifest.name.to_string();
        let folder = place.path(&name);
        fs::create_dir(&folder).unwrap();
        package.unpack(&folder).unwrap();
        let example = root().join("examples").join(&name);
        let files = package.digests.files.keys();
        let files = files.filter(|file| !["drs.toml", "experts.toml"].contains(&file.as_str()));
        let mut models = 0;
        for file in files {
            assert_eq!(fs::read(folder.join(file)).unwrap(), fs::read(example.join(file)).unwrap());
            models += usize::from(file.ends_with(".onnx"));
        }
        assert_eq!(models, 4, "{name}");
        assert_eq!(package.manifest.metrics.len(), 1, "{name}");
        assert_eq!(plain(&folder), plain(&example), "{name}");
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["cifar10", "fashion-mnist"]);
}

/// experts.toml without the digests that packing adds.
fn plain(folder: &Path) -> toml::Table {
    let text = fs::read_to_string(folder.join("experts.toml")).unwrap();
    let mut table: toml::Table = text.parse().unwrap();
    let unpin = |model: &mut toml::Value| drop(model.as_table_mut().unwrap().remove("files"));
    unpin(table.get_mut("router").unwrap());
    table.get_mut("expert").unwrap().as_array_mut().unwrap().iter_mut().for_each(unpin);
    table
}

#[test]
fn a_user_installs_cifar10_and_routes_a_photo() {
    let place = Place::new();
    let drs = bare(&place);
    let user = User::new(&place, &drs, "user");
    let index = root().join("index");
    user.drs(&format!(
        "expert install cifar10 --index {} --trust-index {}",
        index.display(),
        key()
    ));
    let photo =
        image::RgbImage::from_fn(61, 47, |x, y| image::Rgb([(x * 4) as u8, 90, (y * 5) as u8]));
    photo.save(user.home.join("photo.png")).unwrap();
    let told = user.drs("route --pool cifar10 --n 200 --seed 1 --json photo.png");
    let record: Value = serde_json::from_str(&told).unwrap();
    let models = record["certificate"]["provenance"]["models"].as_array().unwrap();
    assert_eq!(models.len(), 4);
    assert_eq!(record["certificate"]["classes"], 10);
}
