//! `drs expert new`: the crate as a third party has it, outside the workspace.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use drs_tests::third_party::{cargo, run, target, told};
use drs_tests::{Place, built, root};

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
    assert!(manifest.contains("{ path = \"vendor/drs-plugins-api\" }"), "{manifest}");
    for file in [
        "README.md",
        "ci.sh",
        "publish.sh",
        "src/lib.rs",
        "experts.toml",
        ".github/workflows/ci.yml",
    ] {
        let text = place.read(&format!("market/crate/{file}"));
        assert!(!text.replace("${{ ", "").contains("{{"), "{file}: {text}");
    }
    // What the workspace needs is here: nothing is fetched. No registry has the interface.
    place.write(".cargo/config.toml", "[net]\noffline = true\n");
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

    goes_to_another_user(&place, &folder);

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

/// The crate's own script publishes it, and somebody else installs it, signature checked, and runs it.
fn goes_to_another_user(place: &Place, folder: &Path) {
    let drs = |args: &[&str]| {
        let mut command = Command::new(built().join("drs"));
        command.args(args).current_dir(place.path(".")).env_remove("DRS_PLUGIN_PATH");
        command
            .env("HOME", place.path("."))
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME");
        command
    };
    run(&mut drs(&["expert", "keygen", "--no-password", "--out", "publisher.key"]));
    let mut publish = Command::new("bash");
    publish.arg("publish.sh").arg(place.path("publisher.key")).arg(place.path("public"));
    publish.current_dir(folder).env("DRS", built().join("drs")).env("CARGO_TARGET_DIR", target());
    run(publish.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN"));
    let key = place.read("publisher.pub");
    let key = key.lines().last().unwrap();
    let install = ["expert", "install", "my-own", "--index", "public", "--trust-index", key];
    let refused = drs(&install).output().unwrap();
    assert!(told(&refused).contains("--allow-native"), "{}", told(&refused));
    let other = key.replace(&key[10..14], "AAAA");
    let refused =
        drs(&["expert", "install", "my-own", "--index", "public", "--trust-index", &other]);
    assert!(!{ refused }.output().unwrap().status.success(), "signed by another key");
    let said = run(drs(&install).arg("--allow-native"));
    assert!(said.contains("installed my-own 0.1.0"), "{said}");
    for file in ["experts.toml", "models/mean.json"] {
        place.write(&format!("user/{file}"), place.read(&format!("market/crate/{file}")));
    }
    let inspected = run(&mut drs(&["expert", "inspect", "--experts", "user/experts.toml"]));
    assert!(inspected.contains("plugin my_own 0.1.0"), "{inspected}");
    assert!(inspected.contains(".local/share/drs/packages"), "{inspected}");
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
