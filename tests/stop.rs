//! Runs that are told to stop: soon, with every vote that was drawn kept for when they go on.
#![cfg(unix)]

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use drs_tests::{Halfspaces, Place, results_without_time, root};
use rand::{RngExt as _, SeedableRng as _};

/// What a run may take to end, whatever it draws.
const LIMIT: Duration = Duration::from_secs(20);

/// How often each model is stopped: DRS_STOPS, or a few times.
fn stops() -> u32 {
    std::env::var("DRS_STOPS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

fn start(place: &Place, args: &str) -> Child {
    let mut command = place.command(args, &[]);
    command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("drs starts")
}

/// Sends a signal, and tells how the process ended and what it said.
fn stop(child: Child, signal: &str) -> (Option<i32>, String) {
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let told = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(told.elapsed() < LIMIT, "{:?}", told.elapsed());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The number before some words.
fn number(text: &str, words: &str) -> Option<u64> {
    let before = text.split(words).next().filter(|before| before.len() < text.len())?;
    before.split_whitespace().next_back()?.parse().ok()
}

/// Stops a run at random moments until it is done, over and over, up to `stops` times in all, and
/// compares what comes out with an undisturbed one.
fn stopped_at_random(place: &Place, run: &str) {
    let begun = Instant::now();
    let _ = place.drs(&format!("{run} --out whole.tsv")).succeeds();
    let whole_run = begun.elapsed();
    let whole = results_without_time(place, "whole");
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let (mut count, mut with_votes, mut runs) = (0, 0, 0);
    // On a busy machine many stops come before the first vote: then there are more of them.
    let more = |count: u32, with_votes: u32| {
        count < stops() || (with_votes * 3 < stops() && count < 20 * stops())
    };
    while more(count, with_votes) {
        let args = format!("{run} --out stopped-{runs}.tsv");
        let journal = place.path(&format!("stopped-{runs}.journal"));
        let mut kept = 0;
        while more(count, with_votes) {
            let mut child = start(place, &args);
            std::thread::sleep(whole_run.mul_f64(random.random_range(0.05..0.9)));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            let (code, said) = stop(child, "-TERM");
            count += 1;
            if code == Some(0) {
                break;
            }
            if code.is_none() {
                // Killed before it had begun; what was kept is left alone.
                continue;
            }
            assert_eq!(code, Some(143), "{said}");
            // What was kept is taken up, every vote of it.
            if kept > 0 {
                assert_eq!(number(&said, " votes of"), Some(kept), "{said}");
            }
            let told = said.split("with ").nth(1);
            let now = told.and_then(|tail| number(tail, " votes of")).unwrap_or(0);
            assert_eq!(journal.exists(), now > 0, "{said}");
            with_votes += u32::from(now > 0);
            kept = now;
        }
        let _ = place.drs(&args).succeeds();
        let name = format!("stopped-{runs}");
        assert_eq!(results_without_time(place, &name), whole, "{name}, after {count} stops");
        assert!(!journal.exists(), "a run that is done needs no journal");
        runs += 1;
    }
    assert!(with_votes * 3 >= stops(), "{with_votes} of {count} stops were inside, in {runs} runs");
}

#[test]
fn a_routed_run_is_stopped_anywhere_and_ends_the_same() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..24u8).map(|i| (vec![10 * i, 120, i, 0], u8::from(i > 12))).collect();
    place.write_idx("data", [2, 2], &inputs);
    stopped_at_random(
        &place,
        "certify --experts experts.toml --data data --seed 4 --threads 2 --n 100000 --sampling fixed",
    );
}

#[test]
fn an_onnx_run_is_stopped_anywhere_and_ends_the_same() {
    let place = Place::new();
    let model = root().join("tests/models/logits.onnx");
    place.write(
        "experts.toml",
        format!(
            "[input]\nshape = [1, 1, 2]\nquantum = \"1/255\"\n[[expert]]\nname = \"only\"\nplugin = \"onnx\"\nconfig = {{ model = {:?} }}\n",
            model.display().to_string()
        ),
    );
    let inputs: Vec<(Vec<u8>, u8)> =
        (0..16u8).map(|i| (vec![16 * i, i], u8::from(i > 8))).collect();
    place.write_idx("data", [1, 2], &inputs);
    stopped_at_random(
        &place,
        "certify --experts experts.toml --data data --seed 4 --threads 2 --n 100000 --sampling fixed",
    );
}

/// A pool of one model that is told to behave in some way.
fn one_model(place: &Place, how: &str, values: usize) {
    place.write(
        "experts.toml",
        format!(
            "[input]\nshape = [1, 1, {values}]\nquantum = \"1/255\"\n[[expert]]\nname = \"only\"\nplugin = \"misbehaving\"\nconfig = {{ how = \"{how}\", sigma = 0.25, after = 20, marker = {:?} }}\n",
            place.path("rows").display().to_string()
        ),
    );
}

#[test]
fn a_model_that_has_changed_is_found_when_its_run_is_stopped() {
    let place = Place::new();
    one_model(&place, "changes", 2);
    place.write_idx("data", [1, 2], &(0..200u8).map(|i| (vec![i, i], 1)).collect::<Vec<_>>());
    let run = "certify --experts experts.toml --data data --method one:only --n 100000 --sampling fixed --threads 1 --batch 64 --out out.tsv";
    let mut child = start(&place, run);
    let rows = || std::fs::read_to_string(place.path("out.tsv")).map_or(0, |t| t.lines().count());
    while rows() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
    place.write("rows", "");
    std::thread::sleep(Duration::from_millis(50));
    let (code, said) = stop(child, "-TERM");
    assert_eq!(code, Some(1), "{said}");
    for words in ["votes changed", "rests on this model: do not use it"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!place.path("out.journal").exists(), "no vote of it is used again");
    place.drs(run).fails(1, &["no result in out.tsv holds"]);
}

/// The rows that each process voted on, one set for each.
fn rows(place: &Place) -> Vec<HashSet<String>> {
    let files = std::fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap().path());
    let told = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rows-"))
    };
    files
        .filter(|path| told(path))
        .map(|path| std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect())
        .collect()
}

/// Told by the model itself: a noisy input that it has voted on is never shown to it again.
#[test]
fn no_vote_is_drawn_twice() {
    const DRAWS: usize = 6 * (100 + 30_000);
    let place = Place::new();
    one_model(&place, "tells", 12);
    let inputs: Vec<(Vec<u8>, u8)> = (0..6u8).map(|i| (vec![40 * i; 12], 1)).collect();
    place.write_idx("data", [1, 12], &inputs);
    let run = "certify --experts experts.toml --data data --seed 4 --threads 2 --n 30000 --sampling fixed --out out.tsv";
    // What every process shows the model when it opens it: this one does nothing else.
    place.drs(&format!("{run} --start 6")).fails(2, &["--start 6 takes no input"]);
    let opening: HashSet<String> = rows(&place).into_iter().flatten().collect();
    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    let mut stopped = 0;
    for _ in 0..40 {
        let child = start(&place, run);
        std::thread::sleep(Duration::from_millis(random.random_range(50..400)));
        let (code, said) = stop(child, ["-TERM", "-INT"][stopped % 2]);
        stopped += usize::from(said.contains("votes of"));
        if code == Some(0) {
            break;
        }
    }
    let _ = place.drs(run).succeeds();
    let mut rows = rows(&place);
    rows.iter_mut().for_each(|rows| rows.retain(|row| !opening.contains(row)));
    let together: HashSet<&String> = rows.iter().flatten().collect();
    let each: usize = rows.iter().map(HashSet::len).sum();
    assert!(stopped > 1, "{stopped} stops inside, {} processes", rows.len());
    assert_eq!((together.len(), each), (DRAWS, DRAWS), "{stopped} stops");
}

/// What was changed, cut short or is of another run is not used; the results are the same.
#[test]
fn a_journal_that_is_not_as_it_was_written_is_left_out() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    place.write_idx("data", [2, 2], &[(vec![120; 4], 1), (vec![90; 4], 1)]);
    let run = "certify --experts experts.toml --data data --n 1000000 --sampling fixed --threads 1 --method one:far";
    let _ = place.drs(&format!("{run} --seed 4 --out whole.tsv")).succeeds();
    let whole = results_without_time(&place, "whole");
    let journal = |out: &str, seed: u32| {
        // Until it comes in the middle, whatever that takes here.
        for pause in 1..100 {
            let child = start(&place, &format!("{run} --seed {seed} --out {out}.tsv --overwrite"));
            let begun = Instant::now();
            while !place.path(&format!("{out}.run.json")).exists() && begun.elapsed() < LIMIT {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_millis(10 * pause));
            let (_, said) = stop(child, "-TERM");
            match place.path(&format!("{out}.journal")).exists() {
                true => return place.read(&format!("{out}.journal")),
                false => assert!(!said.contains("votes of"), "{said}"),
            }
        }
        panic!("no stop was in the middle");
    };
    let good = journal("out", 4);
    let foreign = journal("other", 5);
    let files: Vec<(&str, String)> = ["out.tsv", "out.jsonl", "out.run.json"]
        .into_iter()
        .map(|name| (name, place.read(name)))
        .collect();
    let vote = good.rfind("[1,").expect("votes for the second class") + 3;
    let other = if good[vote..].starts_with('7') { 8 } else { 7 };
    let changed = format!("{}{other}{}", &good[..vote], &good[vote + 1..]);
    for (text, note) in [
        (good.clone(), None),
        (changed, Some("was changed, cut short")),
        (good[..good.len() / 2].to_owned(), Some("was changed, cut short")),
        (String::new(), Some("was changed, cut short")),
        (foreign, Some("is of another run than out.run.json tells")),
    ] {
        files.iter().for_each(|(name, text)| {
            place.write(name, text);
        });
        place.write("out.journal", text);
        let done = place.drs(&format!("{run} --seed 4 --out out.tsv"));
        assert_eq!(done.stderr.contains("its votes are drawn again"), note.is_some(), "{done}");
        assert!(done.stderr.contains(note.unwrap_or("inputs are there already")), "{done}");
        let _ = done.succeeds();
        assert_eq!(results_without_time(&place, "out"), whole);
        assert!(!place.path("out.journal").exists());
    }
}

/// A batch that does not end is given up; what was drawn before is kept all the same.
#[test]
fn a_batch_that_does_not_end_does_not_keep_a_run_from_ending() {
    let place = Place::new();
    let child = hanging(&place);
    let (code, said) = stop(child, "-TERM");
    assert_eq!(code, Some(143), "{said}");
    assert!(
        said.contains("a batch was given up") && said.contains("stopped after 1 of 2"),
        "{said}"
    );
    assert_eq!(place.read("out.tsv").lines().count(), 2);
}

/// Starts a run whose model does not answer its second input, and waits until it is asked.
fn hanging(place: &Place) -> Child {
    one_model(place, "hang", 4);
    place.write_idx("data", [1, 4], &[(vec![20; 4], 1), (vec![255; 4], 1)]);
    let toml = place.read("experts.toml").replace("sigma = 0.25", "sigma = 0.01");
    place.write("experts.toml", toml);
    let run = "certify --experts experts.toml --data data --seed 4 --n 3000 --sampling fixed --batch 16 --out out.tsv";
    // The first one by itself: the two would share batches.
    let _ = place.drs(&format!("{run} --max 1")).succeeds();
    let child = start(place, &format!("{run} --threads 3"));
    // Until the run has its second input, and a moment for the model to get it.
    let begun = Instant::now();
    while place.read("out.run.json").contains("\"max\": 1") && begun.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_secs(1));
    child
}

/// An error is told, and ends a run, whatever a model still does.
#[test]
fn an_error_beside_a_batch_that_does_not_end_is_told() {
    let place = Place::new();
    let child = hanging(&place);
    // What would be written there cannot be.
    std::fs::create_dir(place.path("out.failed.json")).unwrap();
    let (code, said) = stop(child, "-TERM");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("error: stopped after 1 input") && said.contains("failed.json"),
        "{said}"
    );
}

/// Nobody reads the summary: the run is done all the same.
#[test]
fn a_summary_that_nobody_reads_does_not_keep_a_run_from_ending() {
    let place = Place::new();
    place.write("experts.toml", Halfspaces::pair().toml());
    place.write_idx("data", [2, 2], &[(vec![10, 120, 0, 0], 0)]);
    let (_reader, mut full) = std::io::pipe().unwrap();
    full.write_all(&[b' '; 1 << 16]).unwrap();
    let run = "certify --experts experts.toml --data data --seed 4 --n 100 --out out.tsv";
    let mut command = place.command(run, &[]);
    let child = command.stderr(Stdio::piped()).stdout(full).spawn().expect("drs starts");
    let begun = Instant::now();
    let rows = || std::fs::read_to_string(place.path("out.tsv")).map_or(0, |t| t.lines().count());
    while rows() < 2 && begun.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(500));
    let (code, said) = stop(child, "-INT");
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(rows(), 2);
}

/// The second signal does not wait.
#[test]
fn a_second_signal_ends_a_run_at_once() {
    let place = Place::new();
    one_model(&place, "hang", 4);
    place.write_idx("data", [1, 4], &[(vec![255; 4], 1)]);
    let run = "certify --experts experts.toml --data data --seed 4 --n 3000 --sampling fixed --out out.tsv";
    let child = start(&place, run);
    let begun = Instant::now();
    while !place.path("out.tsv").exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    // It watches for signals a moment after that.
    std::thread::sleep(Duration::from_millis(300));
    let kill = |signal: &str| {
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap()
    };
    assert!(kill("-INT").success());
    std::thread::sleep(Duration::from_millis(200));
    let (code, said) = stop(child, "-INT");
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("again to stop at once") && !said.contains("stopped after"), "{said}");
}
