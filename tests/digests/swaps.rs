//! Attacks: files are swapped and swapped back, as fast as can be, while `drs` opens them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use drs_core::lattice::Digest;
use drs_tests::Place;

use super::model::{DATA, Model};
use super::{RUN, experts, file_name, files, library, place};

const TRIES: usize = 12;

/// Runs `work` while the file is one, then the other, by new names or in place.
fn while_swapping<T>(file: &Path, contents: [&[u8]; 2], work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let next = file.with_extension("next");
            for turn in 0.. {
                let contents = contents[turn % 2];
                if turn % 8 < 4 {
                    std::fs::write(&next, contents).and_then(|()| std::fs::rename(&next, file))
                } else {
                    std::fs::write(file, contents)
                }
                .unwrap();
                if done.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

#[test]
fn a_record_s_digest_is_that_of_the_weights_that_voted() {
    let place = place();
    let [good, evil] = [Model::bright().data(), Model::constant().data()];
    let mut seen = [0; 2];
    for attempt in 0..TRIES {
        let more = if attempt % 2 == 0 { "" } else { "--isolate" };
        let run = while_swapping(&place.path(DATA), [&good, &evil], || {
            place.drs(&format!("{RUN} --out out.tsv --overwrite {more}"))
        });
        if run.code != 0 {
            // It was read half-written: no digest, no votes.
            assert!(run.stderr.contains("m.onnx.data"), "{run}");
            continue;
        }
        let table = place.read("out.tsv");
        let predicted: Vec<&str> =
            table.lines().skip(1).map(|line| line.split('\t').nth(2).unwrap()).collect();
        let votes_of_evil = predicted.iter().all(|class| *class == "1");
        let sha256 = files(&place, "out.jsonl")[1]["sha256"].as_str().unwrap().to_owned();
        let of = |bytes: &[u8]| Digest::of(bytes).to_string();
        if sha256 == of(&good) {
            assert_eq!(predicted, ["0", "1", "0", "1", "0", "1", "0", "1"], "{table}");
            seen[0] += 1;
        } else if sha256 == of(&evil) {
            assert!(votes_of_evil, "{table}");
            seen[1] += 1;
        }
    }
    assert!(seen[0] + seen[1] > 0, "no run got through");
}

#[test]
fn a_pinned_library_is_itself_or_refused() {
    let place = place();
    let own = file_name("onnx");
    let [good, evil] = ["onnx", "no_plugin"].map(|name| std::fs::read(library(name)).unwrap());
    place.write(&own, &good);
    place.write("experts.toml", experts(&format!("./{own}"), "model = \"models/m.onnx\""));
    let _ = place.drs("expert pin experts.toml").succeeds();
    attack(&place, &own, [&good, &evil], |run| {
        assert!(!run.contains("does not export an expert"), "another library was loaded: {run}");
    });
}

fn attack(place: &Place, file: &str, contents: [&[u8]; 2], check: impl Fn(&str)) {
    for attempt in 0..TRIES {
        let more = if attempt % 2 == 0 { "" } else { "--isolate" };
        let run = while_swapping(&place.path(file), contents, || {
            place.drs(&format!("{RUN} --out out.tsv --overwrite {more}"))
        });
        check(&run.to_string());
        if run.code != 0 {
            assert!(run.stderr.contains("its sha256 is"), "{run}");
        }
    }
}
