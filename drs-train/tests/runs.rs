//! Whole runs of the real program, some of which are killed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A folder with 60 small images in two classes, and settings to train on them.
fn place() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inputs = 60u32;
    let word = |n: u32| n.to_be_bytes();
    let mut images = [word(0x0803), word(inputs), word(28), word(28)].concat();
    let mut labels = [word(0x0801), word(inputs)].concat();
    for input in 0..inputs {
        let class = input % 2;
        // Bright on the left or on the right.
        images.extend((0..784u32).map(|pixel| {
            let bright = (pixel % 28 < 14) == (class == 0);
            if bright { 200 + ((pixel * 7 + input * 13) % 50) as u8 } else { (input % 30) as u8 }
        }));
        labels.push(class as u8);
    }
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/train-images-idx3-ubyte"), images).unwrap();
    std::fs::write(folder.path().join("data/train-labels-idx1-ubyte"), labels).unwrap();
    let settings = r#"
        arch = "small_cnn"
        sigma = 0.5
        [input]
        shape = [1, 28, 28]
        quantum = "1/255"
        [data]
        path = "data"
        hold_out = 20
        classes = ["left", "right"]
        [augment]
        shift = 1
        [train]
        epochs = 6
        batch = 16
        seed = 3
        optimiser = { kind = "adamw", lr = 0.003 }
        schedule = { kind = "cosine" }
        average = 0.9
    "#;
    std::fs::write(folder.path().join("expert.toml"), settings).unwrap();
    folder
}

fn command(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drs-train"));
    command.current_dir(folder).args(arguments.split_whitespace());
    command
}

fn run(folder: &Path, arguments: &str) -> Output {
    command(folder, arguments).output().unwrap()
}

fn succeeds(folder: &Path, arguments: &str) {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn fails(folder: &Path, arguments: &str, words: &[&str]) {
    let output = run(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "lacks {word:?}: {said}"));
}

fn tensors(path: PathBuf) -> std::collections::BTreeMap<String, drs_checkpoint::Tensor> {
    drs_checkpoint::read(&path).unwrap().tensors().clone()
}

#[test]
fn an_expert_learns_and_a_run_that_was_killed_ends_the_same() {
    let place = place();
    let folder = place.path();
    succeeds(folder, "expert expert.toml --out whole");
    let summary = std::fs::read_to_string(folder.join("whole/summary.json")).unwrap();
    let history: Vec<serde_json::Value> = serde_json::from_str(&summary).unwrap();
    assert_eq!(history.len(), 6);
    assert!(history[5]["accuracy"].as_f64().unwrap() > 0.9, "{summary}");
    let model = drs_checkpoint::read(&folder.join("whole/model.safetensors")).unwrap();
    assert_eq!(model.arch.as_deref(), Some("small_cnn"));
    assert_eq!(
        (&*model.metadata["drs.sigma"], &*model.metadata["drs.classes"]),
        ("0.5", "left,right")
    );

    let mut child = command(folder, "expert expert.toml --out killed").spawn().unwrap();
    let started = Instant::now();
    while !folder.join("killed/state.safetensors").exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "no state was written");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("killed/summary.json").exists(), "it was killed too late");
    succeeds(folder, "expert expert.toml --out killed");
    for file in ["model.safetensors", "state.safetensors"] {
        assert!(
            tensors(folder.join("whole").join(file)) == tensors(folder.join("killed").join(file)),
            "{file}"
        );
    }
    let again = std::fs::read_to_string(folder.join("killed/summary.json")).unwrap();
    assert_eq!(again, summary);
    fails(
        folder,
        "expert expert.toml --set sigma=0.25 --out whole",
        &["state.safetensors", "other settings"],
    );
    let settings = std::fs::read_to_string(folder.join("whole/settings.toml")).unwrap();
    assert!(settings.contains("sigma = 0.5"), "of the run that is there: {settings}");
    // As another process that trains there has it.
    #[cfg(unix)]
    {
        let taken = std::fs::File::open(folder.join("whole")).unwrap();
        taken.lock().unwrap();
        let words = ["whole is being written by another process"];
        fails(folder, "expert expert.toml --out whole", &words);
    }
}

#[test]
fn an_expert_learns_against_an_adversary() {
    let place = place();
    let folder = place.path();
    let settings =
        "--set copies=2 --set adversary={epsilon=0.5,steps=2,warmup=2} --set train.epochs=4";
    succeeds(folder, &format!("expert expert.toml --out smoothadv {settings}"));
    let summary = std::fs::read_to_string(folder.join("smoothadv/summary.json")).unwrap();
    let history: Vec<serde_json::Value> = serde_json::from_str(&summary).unwrap();
    assert!(history[3]["accuracy"].as_f64().unwrap() > 0.9, "{summary}");
}

#[test]
fn mistakes_are_named() {
    let place = place();
    let folder = place.path();
    let cases: [(&str, &[&str]); 10] = [
        ("arch=vgg", &["\"vgg\" found", "small_cnn"]),
        ("arch=cifar_resnet20", &["takes 3 channels, the input has 1"]),
        ("sigma=-1", &["sigma: -1 found"]),
        ("data.path=nowhere", &["nowhere", "no such folder"]),
        ("data.hold_out=60", &["hold_out: 60 found, expected 1 to 59"]),
        ("data.hold=1", &["unknown field `hold`"]),
        ("data.classes=['one']", &["label 1, expected 0 to 0"]),
        ("device=cuda:9", &["device cuda:9"]),
        ("init=absent.pth", &["absent.pth"]),
        ("adversary={epsilon=-1}", &["adversary.epsilon: -1 found"]),
    ];
    for (change, words) in cases {
        fails(folder, &format!("expert expert.toml --out o --set {change}"), words);
    }
    fails(folder, "expert absent.toml --out o", &["cannot read absent.toml"]);
    fails(
        folder,
        "expert expert.toml --set train.optimiser.lr=1e30 --out o",
        &["the loss is", "learning rate"],
    );
}
