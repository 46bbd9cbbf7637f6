//! A plugin that was built against the interface as it was released goes on working.

use drs_tests::third_party::{cargo, run, target, unpack};
use drs_tests::{Halfspaces, Place, root};
use serde_json::Value;

/// A folder with the plugin's crate beside the interface that it was written for.
fn released() -> Place {
    let (place, from) = (Place::new(), root().join("tests/released"));
    let api = unpack(&root().join("cli/templates/drs-plugins-api-0.1.0.crate"), &place.path("."));
    assert!(api.is_dir(), "{}", api.display());
    for file in ["Cargo.toml", "Cargo.lock", "src/lib.rs"] {
        let text = std::fs::read(from.join("expert").join(file)).unwrap();
        place.write(&format!("expert/{file}"), text);
    }
    place
}

/// What a pool says of one image: all but who said it and how long it took.
fn answer(place: &Place, toml: &str) -> [Value; 3] {
    place.write("experts.toml", toml);
    let said = place.drs("route --experts experts.toml --n 1000 --seed 1 --json a.png").succeeds();
    let answer: Value = serde_json::from_str(&said).unwrap();
    ["stages", "bounds", "verdict"].map(|part| answer["certificate"][part].clone())
}

#[test]
fn a_plugin_of_the_last_release_is_loaded_and_votes_as_ever() {
    let place = released();
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--target-dir"]).arg(target());
    // Not what cargo told this test of its own package.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_") {
            build.env_remove(name);
        }
    }
    run(build.current_dir(place.path("expert")));
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = target().join(format!("release/{prefix}drs_expert_released{suffix}"));

    // The first pixel above the thresholds of the experts, the second below the router's.
    let image =
        image::GrayImage::from_fn(2, 2, |x, _| image::Luma([if x == 0 { 220 } else { 20 }]));
    image.save(place.path("a.png")).unwrap();
    let toml = Halfspaces::pair().toml();
    let now = answer(&place, &toml);
    assert!(now[2]["radius"].as_f64().unwrap() > 0.01, "{now:?}");
    let then = toml.replace("plugin = \"halfspace\"", &format!("plugin = {library:?}"));
    assert_ne!(then, toml);
    assert_eq!(answer(&place, &then), now);

    // It passes what plugins of today must.
    let config = "--shape 1,2,2 --config {\"sigma\":0.5,\"weights\":[1,0,0,0],\"thresholds\":[0.3],\"classes\":[\"a\",\"b\"]}";
    let checked = place.drs_with(&format!("expert check {config}"), &[&library]).succeeds();
    assert!(checked.contains(" 0 failed"), "{checked}");
}
