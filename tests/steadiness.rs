//! Votes that depend on more than their own input are refused, whatever asks for them.

use drs_tests::{Halfspaces, Place, Run};

/// A pool of one misbehaving expert and two inputs.
fn place(how: &str, more: &str) -> Place {
    let place = Place::new();
    let config = format!("how = \"{how}\", sigma = 0.004{more}");
    place.write(
        "experts.toml",
        format!(
            "[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\n[[expert]]\nname = \"only\"\n\
             plugin = \"misbehaving\"\nconfig = {{ {config} }}\n"
        ),
    );
    place.write_idx("data", [2, 2], &[(vec![200, 120, 60, 7], 1), (vec![9, 120, 60, 7], 1)]);
    place
}

/// An input that the model votes on in a way of its own. Of two inputs, either may come first, and
/// the first batch is the one that is tried.
fn one_input(place: &Place) {
    place.write_idx("data", [2, 2], &[(vec![200, 120, 60, 7], 1)]);
}

fn certify(place: &Place, more: &str) -> Run {
    let run = "certify --experts experts.toml --data data --out out.tsv --method one:only --seed 1";
    place.drs(&format!("{run} {more}"))
}

/// What every refusal says.
const WORDS: [&str; 6] = [
    "only (plugin misbehaving)",
    "votes changed",
    "on their own input alone",
    "expected none",
    "evaluation mode",
    "drs expert check",
];

const HOWS: [&str; 5] = ["neighbours", "batch-mean", "padding", "place", "remembers"];

#[test]
fn certify_route_and_bench_refuse_them_at_opening() {
    for how in HOWS {
        let place = place(how, "");
        certify(&place, "--n 200").fails(1, &WORDS);
        assert!(!place.path("out.tsv").exists(), "{how}: nothing is written");
        place.drs("bench --seconds 0.2 --experts experts.toml").fails(1, &WORDS);
        place.write("near.npy", npy([200, 120, 60, 7]));
        let toml = place.read("experts.toml");
        // With a router that keeps the rules.
        let pool = Halfspaces {
            experts: vec![("only", 0.25, 0, 100.0), ("far", 0.5, 0, 100.0)],
            ..Halfspaces::pair()
        };
        let (head, _) = pool.toml().split_once("[[expert]]").map(own).unwrap();
        let (_, expert) = toml.split_once("[[expert]]").map(own).unwrap();
        let other = expert.replace("only", "far").replace(how, "behave");
        place.write("experts.toml", format!("{head}[[expert]]{expert}[[expert]]{other}"));
        place.drs("route --experts experts.toml near.npy --n 200").fails(1, &WORDS);
    }
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn in_processes_of_their_own_and_where_the_plugin_draws() {
    for how in HOWS {
        certify(&place(how, ""), "--n 200 --isolate").fails(1, &WORDS);
        if how != "padding" {
            // What pads its own batches reads its own zeros.
            certify(&place(how, ", draws = true"), "--n 200").fails(1, &WORDS);
            certify(&place(how, ", draws = true"), "--n 200 --isolate").fails(1, &WORDS);
        }
    }
}

#[test]
fn batches_of_one_tell_what_depends_on_earlier_ones() {
    certify(&place("remembers", ""), "--n 200 --batch 1").fails(1, &WORDS);
    // There is nobody beside an input that is alone.
    let _ = certify(&place("batch-mean", ""), "--n 200 --batch 1").succeeds();
}

#[test]
fn what_only_real_inputs_show_ends_the_run_without_a_result() {
    let place = place("some-neighbours", "");
    one_input(&place);
    let words = ["input 0", "in other places", "out.tsv rests on this model: do not use it"];
    certify(&place, "--n 200").fails(1, &[&WORDS[..], &words[..]].concat());
    let kept = (place.read("out.tsv"), place.read("out.jsonl"));
    assert_eq!((kept.0.lines().count(), kept.1.as_str()), (1, ""), "the heading alone");
    // Nor does the same command go on, be it with a model that is steady now.
    let text = place.read("experts.toml").replace("some-neighbours", "behave");
    place.write("experts.toml", text);
    certify(&place, "--n 200").fails(1, &["no result in out.tsv holds", "in other places"]);
    let _ = certify(&place, "--n 200 --overwrite").succeeds();
    let _ = certify(&place, "--n 200").succeeds();
}

#[test]
fn a_model_that_changes_in_a_long_run_is_found_there() {
    // 2,500 batches of 16: the batch whose votes are known comes again after 1,024.
    for more in ["", ", draws = true"] {
        let place = place("drifts", more);
        let run = certify(&place, "--n 40000 --sampling fixed --threads 1");
        run.fails(1, &[&WORDS[..], &["later, after other batches"]].concat());
        assert_eq!(place.read("out.jsonl"), "");
    }
}

#[test]
fn a_model_that_has_changed_by_the_end_is_found_there() {
    // 760 batches, of which the first is tried alone; votes change from the 700th on.
    let place = place("drifts", "");
    let run = certify(&place, "--n 12000 --sampling fixed --threads 1");
    let words = ["later, after other batches", "out.tsv rests on this model: do not use it"];
    run.fails(1, &[&WORDS[..], &words].concat());
    certify(&place, "--n 12000 --sampling fixed --threads 1").fails(1, &["no result in out.tsv"]);
}

#[test]
fn a_model_that_has_changed_by_the_end_is_found_whatever_is_drawn_ahead() {
    // Sequential looks draw ahead; large inputs keep the threads busy when the last one is done.
    for round in 0..3 {
        let place = Place::new();
        let marker = place.path("marker");
        place.write(
            "experts.toml",
            format!(
                "[input]\nshape = [1, 128, 128]\nquantum = \"1/255\"\n[[expert]]\nname = \"only\"\nplugin = \"misbehaving\"\nconfig = {{ how = \"changes\", sigma = 0.004, marker = {:?} }}\n",
                marker.display().to_string()
            ),
        );
        let inputs: Vec<(Vec<u8>, u8)> = (0..4u8).map(|i| (vec![i; 128 * 128], 1)).collect();
        place.write_idx("data", [128, 128], &inputs);
        let run = "certify --experts experts.toml --data data --out out.tsv --method one:only --seed 1 --batch 2048 --threads 4 --n 20000";
        let mut child = place.command(run, &[]);
        let mut child = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let rows = || {
            std::fs::read_to_string(place.path("out.tsv")).map_or(0, |text| text.lines().count())
        };
        while rows() < 3 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        std::fs::write(&marker, "").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "round {round}: {said}");
        assert!(place.path("out.unsteady").exists(), "{said}");
    }
}

#[test]
fn a_finding_is_kept_and_its_results_are_refused_everywhere() {
    let place = place("behave", "");
    one_input(&place);
    let _ = certify(&place, "--n 200").succeeds();
    let text = place.read("experts.toml");
    // At opening, when the run is to be extended: another model, so these results are not its.
    place.write("experts.toml", text.replace("behave", "remembers"));
    certify(&place, "--n 200").fails(1, &WORDS);
    assert!(!place.path("out.unsteady").exists());
    place.write("experts.toml", text.replace("behave", "some-neighbours"));
    certify(&place, "--n 200 --overwrite").fails(1, &WORDS);
    for command in ["analyze out.tsv", "verify out.jsonl", "report out.jsonl --out out.html"] {
        place.drs(command).fails(1, &["no result in it holds", "found by drs certify"]);
    }
    // Where it cannot be written down, the run is nobody's.
    std::fs::remove_file(place.path("out.unsteady")).unwrap();
    std::fs::create_dir(place.path("out.unsteady")).unwrap();
    let words = ["is no plain file"];
    certify(&place, "--n 200 --overwrite").fails(2, &words);
}

#[test]
fn what_a_runtime_declares_is_allowed_and_no_more() {
    let rounds = |tolerance: &str| {
        certify(&place("rounds", &format!(", tolerance = {tolerance}")), "--n 200 --batch 4096")
    };
    let _ = rounds("0.05").succeeds();
    rounds("0.0001").fails(1, &["a share of at most 0.0001, which the plugin declares"]);
    rounds("0.0").fails(1, &WORDS);
    rounds("0.06").fails(1, &["a tolerance of 0.06, expected 0 to 0.05"]);
}

#[test]
fn experts_that_keep_the_rules_are_tried_in_vain() {
    for batch in ["1", "2", "3", "64"] {
        let _ = certify(&place("behave", ""), &format!("--n 3000 --batch {batch}")).succeeds();
        let place = Place::new();
        place.write("experts.toml", Halfspaces::pair().toml());
        place.write_idx("data", [2, 2], &[(vec![101, 120, 60, 7], 1), (vec![9, 120, 60, 7], 1)]);
        let run = "certify --experts experts.toml --data data --out out.tsv --n 3000 --full";
        let _ = place.drs(&format!("{run} --batch {batch}")).succeeds();
    }
}

/// Four bytes as a NumPy array of one channel, 2 by 2.
fn npy(values: [u8; 4]) -> Vec<u8> {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2), }";
    let header = format!("{header:<117}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &values].concat()
}
