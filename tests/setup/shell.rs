//! `drs completions` and `drs man`.

use drs_tests::Place;

/// Commands that drs gives itself.
const INTERNAL: [&str; 2] = ["worker", "child"];

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|found| found == word)
}

#[test]
fn every_shell_gets_all_commands_but_internal_ones() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.drs(&format!("completions {shell}")).succeeds();
        for word in ["certify", "keygen", "doctor", "serve", "completions"] {
            assert!(has_word(&script, word), "{shell}: {word}");
        }
        assert!(script.contains("experts"), "{shell}: options");
        for word in INTERNAL {
            assert!(!has_word(&script, word), "{shell}: {word}");
        }
    }
    place.drs("completions tcsh").fails(2, &["tcsh", "bash"]);
    let _ = place.drs("completions bash").succeeds();
    let run = place.shell("command -v bash || echo none");
    if run.stdout.trim() == "none" {
        return drs_tests::skipped("no bash");
    }
    place.write("drs.bash", place.drs("completions bash").succeeds());
    let asked = "bash -c 'source drs.bash; COMP_WORDS=(drs exp); COMP_CWORD=1; _drs drs exp drs; echo ${COMPREPLY[@]}'";
    assert_eq!(place.shell(asked).succeeds().trim(), "expert");
}

#[test]
fn there_is_a_page_for_each_command() {
    let place = Place::new();
    let _ = place.drs("man share/man1").succeeds();
    let pages: Vec<String> = std::fs::read_dir(place.path("share/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for page in ["drs.1", "drs-certify.1", "drs-expert-pack.1", "drs-init.1", "drs-doctor.1"] {
        assert!(pages.iter().any(|found| found == page), "{page}: {pages:?}");
    }
    for page in &pages {
        assert!(!INTERNAL.iter().any(|word| page.contains(word)), "{page}");
        let text = place.read(&format!("share/man1/{page}"));
        assert!(text.contains(".TH"), "{page}");
    }
    let init = place.read("share/man1/drs-init.1");
    assert!(init.contains("router") && init.contains("Examples:"), "{init}");
    place.write("file", "");
    place.drs("man file/man1").fails(1, &["manual pages", "file/man1"]);
}
