//! `drs` alone, as `cargo install` brings it: the plugin `onnx` is in the program.

use std::fs;

use drs_core::lattice::Digest;
use drs_tests::{Place, built, example};
use serde_json::Value;

use super::{User, bare};

#[test]
fn a_program_without_libraries_beside_it_answers_as_one_with_them() {
    let place = Place::new();
    let beside = bare(&place);
    let with = User::new(&place, &beside, "with");
    let alone = place.path("alone");
    fs::create_dir(&alone).unwrap();
    let alone = alone.join("drs");
    fs::copy(built().join("drs"), &alone).unwrap();
    let own = Digest::of(&fs::read(&alone).unwrap()).to_string();
    let alone = User::new(&place, &alone, "user");
    let image = example().join("images/01-ankle-boot.png");
    let experts = example().join("experts.toml");
    let route = |user: &User<'_>, more: &str| -> Value {
        let (experts, image) = (experts.display(), image.display());
        let args = format!("route --experts {experts} --n 500 --seed 3 --json {more} {image}");
        let text = user.drs(&args);
        fs::write(user.home.join("route.jsonl"), &text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let expected = route(&with, "");
    for more in ["", "--isolate"] {
        let found = route(&alone, more);
        assert_eq!(found["certificate"]["verdict"], expected["certificate"]["verdict"], "{more}");
        // The code is in the program: that is what certificates name.
        for model in found["certificate"]["provenance"]["models"].as_array().unwrap() {
            assert_eq!(model["plugin_sha256"], own.as_str(), "{more}");
        }
    }
    let (shown, images) = (experts.display(), image.display());
    alone.drs(&format!("verify route.jsonl --experts {shown} --replay"));
    let doctor = alone.drs("doctor");
    assert!(doctor.contains("ok    plugin onnx"), "{doctor}");
    assert!(alone.drs("--version --verbose").contains(&own));
    alone.drs(&format!("expert check --experts {shown}"));
    // What experts.toml pins is another file's digest.
    let pinned = fs::read_to_string(&experts).unwrap();
    let pinned = pinned.replacen(
        "plugin = \"onnx\"",
        &format!("plugin = \"onnx\"\nsha256 = \"{}\"", "0".repeat(64)),
        1,
    );
    for file in ["router.onnx", "s025.onnx", "s050.onnx", "s100.onnx"] {
        fs::copy(example().join(file), alone.home.join(file)).unwrap();
    }
    fs::write(alone.home.join("pinned.toml"), pinned).unwrap();
    alone.refused(&format!("route --experts pinned.toml {images}"), "experts.toml expects 000");
}
