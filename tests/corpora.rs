//! What the fuzzers were begun with, and all they found: no reader panics on any of it.

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is the root of a library for the fuzzer")]
mod fuzz;

use std::path::Path;

#[test]
fn nothing_in_the_corpora_panics() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in fuzz::TARGETS {
        let files = std::fs::read_dir(corpora.join(name)).unwrap();
        let inputs: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        assert!(!inputs.is_empty(), "{name}");
        for path in inputs {
            // Told with a panic's own message.
            println!("{}", path.display());
            target(&std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn every_target_is_a_program_of_the_fuzzer() {
    let programs =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/Cargo.toml"));
    let programs = programs.unwrap();
    for (name, _) in fuzz::TARGETS {
        assert!(programs.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}
