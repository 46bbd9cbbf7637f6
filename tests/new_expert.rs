//! `drs expert new`: the crate as a third party has it, outside the workspace.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use drs_tests::third_party::{cargo, run, target, told, unpack};
use drs_tests::{Place, built, root};

/// `drs-plugins-api` as a registry would hand it out: packaged, unpacked elsewhere.
fn published(place: &Place) -> PathBuf {
    let folder = place.path("registry");
    // What comes of it is built below.
    let mut package = cargo();
    package.args(["package", "--package", "drs-plugins-api", "--no-verify", "--allow-dirty"]);
    run(package.args(["--offline", "--target-dir"]).arg(&folder).current_dir(root()));
    let packages = std::fs::read_dir(folder.join("package")).unwrap().map(|entry| entry.unwrap());
    let archives = packages.map(|entry| entry.path());
    let archive = archives.filter(|path| path.extension().is_some_and(|ext| ext == "crate"));
    let archive = archive.last().expect("a package");
    unpack(&archive, &folder)
}

/// The crate's own script, as its CI runs it.
fn ci(folder: &Path) -> Command {
    let mut command = Command::new("bash");
    command.arg("ci.sh").current_dir(folder).env("DRS", built().join("drs"));
    command.env("CARGO_TARGET_DIR", target()).env_remove("DRS_PLUGIN_PATH");
    // Not what this test's own cargo sets.
    command.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    command
}

#[test]
fn a_new_crate_passes_its_own_ci_and_a_broken_one_does_not() {
    let place = Place::new();
    // Within another workspace, of which it is none.
    place.write("market/Cargo.toml", "[workspace]\nmembers = []\n");
    let said = place.drs("expert new my_own --path market/crate").succeeds();
    assert!(said.contains("crate: an expert"), "{said}");
    let folder = place.path("market/crate");
    assert!(folder.join(".github/workflows/ci.yml").is_file());
    let manifest = place.read("market/crate/Cargo.toml");
    assert!(manifest.contains("drs-plugins-api = \"0."), "{manifest}");
    for file in ["README.md", "ci.sh", "src/lib.rs", "experts.toml", ".github/workflows/ci.yml"] {
        let text = place.read(&format!("market/crate/{file}"));
        assert!(!text.replace("${{ vars.", "").contains("{{"), "{file}: {text}");
    }
    // In place of the registry, for cargo alone: the crate stays as it was made.
    let api = published(&place);
    let patch = format!(
        "[net]\noffline = true\n[patch.crates-io]\ndrs-plugins-api = {{ path = {api:?} }}\n"
    );
    place.write(".cargo/config.toml", patch);
    run(cargo().arg("generate-lockfile").current_dir(&folder));
    let lock = place.read("market/crate/Cargo.lock");
    assert!(
        lock.contains("name = \"drs-plugins-api\"")
            && !lock.contains("name = \"drs-smoothing-core\"")
    );
    let said = run(&mut ci(&folder));
    assert_eq!(place.read("market/crate/Cargo.lock"), lock, "its own lock file holds");
    assert!(said.contains("pass  ties") && said.contains("pass  not finite"), "{said}");
    assert!(said.contains(" 0 failed"), "{said}");

    // It serves.
    let mut inspect = Command::new(built().join("drs"));
    inspect.args(["expert", "inspect", "--experts", "experts.toml"]).current_dir(&folder);
    let inspected = run(inspect.env("DRS_PLUGIN_PATH", target().join("release")));
    assert!(inspected.contains("plugin my_own 0.1.0"), "{inspected}");
    assert!(inspected.contains("dark, bright"), "{inspected}");

    // Without tests, the rules alone see that votes are another input's.
    let source = place.read("market/crate/src/lib.rs");
    let (honest, broken) = (
        "argmax(&logits, votes)",
        "argmax(&logits, votes)?;\n        votes.rotate_left(1);\n        Ok(())",
    );
    assert!(source.contains(honest));
    place.write(
        "market/crate/src/lib.rs",
        source.replace(honest, broken).replace("#[cfg(test)]\nmod tests;\n", ""),
    );
    let output = ci(&folder).output().unwrap();
    let said = told(&output);
    assert!(!output.status.success() && said.contains("FAIL  "), "{said}");
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_overwritten() {
    let place = Place::new();
    for name in ["Mine", "my-own", "1st", "a__b", "_a", "../a", ""] {
        let run = place.drs_with("expert new", &[Path::new(name)]);
        run.fails(2, &["expected a lowercase letter"]);
    }
    place.write("there/notes.txt", "mine");
    place.drs("expert new mine --path there").fails(1, &["there", "is there already", "--path"]);
    assert_eq!(place.read("there/notes.txt"), "mine");
    assert_eq!(std::fs::read_dir(place.path("there")).unwrap().count(), 1);
    place.drs("expert new mine --path no/such/folder").fails(1, &["no/such/folder"]);

    place.drs("expert new mine --api nowhere").fails(1, &["--api", "nowhere", "cannot be read"]);
    let core = root().join("drs-core");
    let words = ["drs-core", "not that of drs-plugins-api"];
    place.drs_with("expert new mine --api", &[&core]).fails(1, &words);
    assert!(!place.path("drs-expert-mine").exists(), "refused before anything is made");
    let api = root().join("plugins-api");
    let _ = place.drs_with("expert new mine --api", &[&api]).succeeds();
    let manifest = place.read("drs-expert-mine/Cargo.toml");
    let path = api.canonicalize().unwrap();
    assert!(manifest.contains(&format!("drs-plugins-api = {{ path = {path:?} }}")), "{manifest}");
}
