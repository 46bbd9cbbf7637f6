//! Many inputs with a plugin that panics, hangs, exits, forks and reads standard input at random.
//!
//! `DRS_SOAK` is the number of inputs, few without it. What the machine has is watched while it
//! runs: nothing that is finished may be lost, and nothing may be left or grow.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use drs_tests::Place;

/// Inputs, if nothing else is asked for.
const FEW: usize = 200;

/// A run that wrote nothing for so long hangs, where plugins may hang the host.
const STALLED: Duration = Duration::from_secs(3);

/// The same, where they may not.
const STALLED_APART: Duration = Duration::from_secs(120);

/// What processes of a test inherit, and no others.
const MARK: &str = "DRS_SOAK_MARK";

/// The most that one host process had of each.
#[derive(Debug, Clone, Copy, Default)]
struct Most {
    kilobytes: usize,
    descriptors: usize,
}

impl Most {
    fn look(&mut self, host: u32) {
        let status = std::fs::read_to_string(format!("/proc/{host}/status")).unwrap_or_default();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|line| line.split_whitespace().next()?.parse().ok());
        self.kilobytes = self.kilobytes.max(memory.unwrap_or(0));
        let open = std::fs::read_dir(format!("/proc/{host}/fd")).map_or(0, Iterator::count);
        self.descriptors = self.descriptors.max(open);
    }
}

/// Processes with this mark that run.
fn marked(mark: &str) -> Vec<String> {
    let own = format!("{MARK}={mark}");
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let has = |folder: &Path| {
        let environment = std::fs::read(folder.join("environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable == own.as_bytes())
    };
    let name = |folder: &Path| {
        let line = std::fs::read(folder.join("cmdline")).unwrap_or_default();
        format!("{}: {}", folder.display(), String::from_utf8_lossy(&line).replace('\0', " "))
    };
    processes.map(|entry| entry.path()).filter(|p| has(p)).map(|p| name(&p)).collect()
}

fn shared_segments() -> HashSet<String> {
    let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The whole rows of the table.
fn rows(place: &Place) -> Vec<String> {
    let table = std::fs::read_to_string(place.path("out.tsv")).unwrap_or_default();
    let whole = table.rfind('\n').map_or(0, |end| end + 1);
    table[..whole].lines().skip(1).map(str::to_owned).collect()
}

/// Waits for the end, looking at the host meanwhile. One that hangs is killed.
fn watched(host: &mut Child, place: &Place, most: &mut Most, patience: Duration) -> Option<i32> {
    let length = || place.path("out.tsv").metadata().map_or(0, |found| found.len());
    let (mut seen, mut since) = (length(), Instant::now());
    loop {
        if let Some(status) = host.try_wait().unwrap() {
            return status.code();
        }
        most.look(host.id());
        if length() != seen {
            (seen, since) = (length(), Instant::now());
        }
        if since.elapsed() > patience {
            host.kill().unwrap();
            host.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn soak(name: &str, isolated: bool) {
    let inputs = std::env::var("DRS_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(FEW);
    let place = Place::new();
    let pixels = |i: usize| [i % 251, i / 251 % 256, i % 7, 9].map(|value| value as u8).to_vec();
    let data: Vec<_> = (0..inputs).map(|i| (pixels(i), 1)).collect();
    place.write_idx("data", [2, 2], &data);
    // So that each run meets some of everything, however long it is.
    let one_in = if isolated { 400 } else { 2000 }.min(inputs / 2).max(50);
    let child_lives = if isolated { 1000 } else { 1 };
    let marker = place.path("opened");
    place.write(
        "experts.toml",
        format!(
            "[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\n\
             [isolation]\ntimeout = 0.5\nrestarts = 1000000\n\
             [[expert]]\nname = \"bad\"\nplugin = \"misbehaving\"\n\
             config = {{ how = \"at-random\", sigma = 0.01, marker = {marker:?}, random = {{ seed = 7, one_in = {one_in}, spared = 40, child_lives = {child_lives} }} }}\n"
        ),
    );
    let isolate = if isolated { " --isolate" } else { "" };
    let run = format!(
        "certify --experts experts.toml --data data --n 60 --n0 20 --seed 4 --method one:bad --threads 2 --out out.tsv{isolate}"
    );
    let segments = shared_segments();
    let mark = format!("{name}-{}", std::process::id());
    let (mut finished, mut runs, mut kinds) = (Vec::<String>::new(), Vec::new(), [0usize; 5]);
    let begun = Instant::now();
    while finished.len() < inputs || kinds[0] == 0 {
        let mut command = place.command(&run, &[]);
        command.env(MARK, &mark).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut host = command.spawn().unwrap();
        let mut most = Most::default();
        let patience = if isolated { STALLED_APART } else { STALLED };
        let code = watched(&mut host, &place, &mut most, patience);
        let kind = match code {
            Some(0) => 0,
            // A panic; an exit, or inputs without a result; a hang; else.
            Some(1) => 1,
            Some(3) => 2,
            None => 3,
            Some(_) => 4,
        };
        kinds[kind] += 1;
        assert_eq!(kinds[4], 0, "{code:?}");
        assert!(!(isolated && code.is_none()), "isolated, it hangs");

        // Nothing that was finished is lost or changed. The order is that of the inputs.
        let now = rows(&place);
        let all: HashSet<&String> = now.iter().collect();
        let lost = finished.iter().find(|row| !all.contains(row));
        assert_eq!(lost, None, "lost after {} runs ({code:?})", runs.len());
        finished = now;
        runs.push((finished.len(), most));

        // Nothing is left. Without isolation the children are the plugin's own, and end soon.
        let waited = Instant::now();
        while !marked(&mark).is_empty() && waited.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(marked(&mark), Vec::<String>::new(), "after {code:?}");
        let left: Vec<_> =
            shared_segments().into_iter().filter(|s| !segments.contains(s)).collect();
        assert!(!left.iter().any(|segment| segment.starts_with("drs-")), "{left:?}");
        assert!(runs.len() < 20 + inputs, "it does not come to an end: {kinds:?}");
    }
    let numbers: HashSet<&str> = finished.iter().filter_map(|row| row.split('\t').next()).collect();
    assert_eq!((finished.len(), numbers.len()), (inputs, inputs));

    // Flat: the later runs hold no more than the earlier ones, but for the list of what is done.
    let (early, late) = runs.split_at(runs.len().div_ceil(2));
    let largest = |runs: &[(usize, Most)]| {
        runs.iter().fold(Most::default(), |most, (_, run)| Most {
            kilobytes: most.kilobytes.max(run.kilobytes),
            descriptors: most.descriptors.max(run.descriptors),
        })
    };
    let (early, late) = (largest(early), largest(late));
    let [well, panicked, exited, hung, _] = kinds;
    let opened = std::fs::metadata(&marker).map_or(0, |found| found.len());
    let _ = writeln!(
        std::io::stderr(),
        "{name}: {inputs} inputs in {} s, {} runs ({well} well, {panicked} with a panic, {exited} with an exit or lost inputs, {hung} killed), the plugin opened {opened} times; at most {} and {} MB, {} and {} descriptors in the first and the second half",
        begun.elapsed().as_secs(),
        runs.len(),
        early.kilobytes / 1000,
        late.kilobytes / 1000,
        early.descriptors,
        late.descriptors
    );
    assert!(
        late.kilobytes < early.kilobytes + early.kilobytes / 2 + 8 * inputs + 20_000,
        "{late:?}"
    );
    assert!(late.descriptors.max(early.descriptors) < 100, "{early:?} {late:?}");
}

#[test]
fn nothing_is_lost_or_left_with_plugins_apart() {
    soak("isolated", true);
}

#[test]
fn nothing_is_lost_or_left_with_plugins_in_the_same_process() {
    soak("together", false);
}
