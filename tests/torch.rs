//! The torch expert through the real binary.

use std::path::{Path, PathBuf};

use drs_core::certificate::Certificate;
use drs_tests::{Place, Run, built_torch, root};
use image::{ImageBuffer, Rgb};

/// A pool of torch experts called `m0`, `m1`, …
fn pool(place: &Place, configs: &[&str]) {
    built_torch();
    let experts = configs.iter().enumerate().map(|(index, config)| {
        format!("[[expert]]\nname = \"m{index}\"\nplugin = \"torch\"\nconfig = {{ {config} }}\n")
    });
    let experts: String = experts.collect();
    place.write("experts.toml", format!("{INPUT}{experts}"));
}

const INPUT: &str = "[input]\nshape = [3, 32, 32]\nquantum = \"1/255\"\n";

/// The settings that every one of these experts needs, before others.
fn checkpoint(more: &str) -> String {
    let model = models().join("resnet20.pth.tar");
    let model = model.display();
    format!("kind = \"checkpoint\", model = \"{model}\", sigma = 0.25, classes = 10{more}")
}

fn models() -> PathBuf {
    root().join("experts/torch/tests/models")
}

/// Certifies two images, one of each class, with the pool's first expert.
fn certify(place: &Place, out: &str) -> Run {
    for (class, colour) in [("2", [90, 140, 30]), ("3", [220, 20, 120])] {
        let pixel = |x, y| Rgb(colour.map(|c: u8| c.wrapping_add((x * 7 + y * 3) as u8)));
        let path = place.write(&format!("data/{class}/0.png"), b"");
        ImageBuffer::from_fn(32, 32, pixel).save(path).unwrap();
    }
    place.drs(&format!(
        "certify --experts experts.toml --data data --method one:m0 --n 500 --seed 3 --out {out}"
    ))
}

fn certificates(place: &Place, name: &str) -> Vec<Certificate> {
    let certificate = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        serde_json::from_value(record["certificate"].clone()).unwrap()
    };
    place.read(name).lines().map(certificate).collect()
}

#[test]
fn noise_from_host_or_device_gives_one_certificate() {
    let mut found = Vec::new();
    for draw in ["host", "device"] {
        let place = Place::new();
        pool(&place, &[&checkpoint(&format!(", draw = \"{draw}\", batch = 48"))]);
        let _ = certify(&place, "out.tsv").succeeds();
        found.push(certificates(&place, "out.jsonl"));
    }
    assert_eq!(found[0].len(), 2);
    // Who draws is part of the configuration, and of nothing else.
    for certificate in found.iter_mut().flatten() {
        let models = certificate.provenance.iter_mut().flat_map(|from| &mut from.models);
        models.for_each(|model| model.config_sha256 = drs_core::lattice::Digest::of(b""));
    }
    assert_eq!(found[0], found[1]);
    let provenance = found[0][0].provenance.as_ref().unwrap();
    assert_eq!(provenance.models[0].files[0].name, "resnet20.pth.tar");
}

#[test]
fn checkpoints_and_torchscript_share_a_pool() {
    let place = Place::new();
    let other = checkpoint(", dtype = \"bf16\", threads = 2");
    pool(&place, &[&checkpoint(""), &other]);
    let _ = certify(&place, "out.tsv").succeeds();
    let bench = place.drs("bench --experts experts.toml --seconds 0.2 --json").succeeds();
    assert_eq!(bench.lines().count(), 2, "{bench}");
}

#[test]
fn any_byte_of_a_model_file_counts() {
    let of = |kind: &str, file: &str, classes: usize| {
        format!("kind = \"{kind}\", model = \"{file}\", sigma = 0.25, classes = {classes}")
    };
    for (config, file, shape) in [
        (of("checkpoint", "resnet20.pth.tar", 10), "resnet20.pth.tar", "[3, 32, 32]"),
        (of("torchscript", "small.pt", 5), "small.pt", "[1, 8, 8]"),
    ] {
        let place = Place::new();
        pool(&place, &[&config]);
        let toml = place.read("experts.toml").replace("[3, 32, 32]", shape);
        place.write("experts.toml", &toml);
        place.write("pinned.toml", &toml);
        let mut bytes = std::fs::read(models().join(file)).unwrap();
        place.write(file, &bytes);
        if shape.starts_with("[3") {
            let _ = certify(&place, "images.tsv").succeeds();
        } else {
            place.write_idx("data", [8, 8], &[(vec![90; 64], 0), (vec![200; 64], 1)]);
        }
        let run = "certify --experts experts.toml --data data --method one:m0 --n 500 --seed 3";
        let _ = place.drs(&format!("{run} --out out.tsv")).succeeds();
        let _ = place.drs("expert pin pinned.toml").succeeds();
        // A run that stopped before its last input.
        for results in ["out.tsv", "out.jsonl"] {
            let text = place.read(results);
            let (kept, _) = text.trim_end().rsplit_once('\n').unwrap();
            place.write(results, format!("{kept}\n"));
        }
        // Somewhere among the weights.
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        place.write(file, &bytes);
        place.drs("expert pin pinned.toml --check").fails(1, &[file, "its sha256 is"]);
        let pinned = run.replace("experts.toml", "pinned.toml");
        place.drs(&format!("{pinned} --out p.tsv")).fails(1, &[file, "its sha256 is"]);
        // Where the file is still a model, its digest tells; where not, it is named as damaged.
        place.drs(&format!("{run} --out out.tsv")).fails(1, &[file]);
        let replay = "verify out.jsonl --replay --experts experts.toml --data data";
        place.drs(replay).fails(1, &[file]);
    }
}

#[track_caller]
fn fails(config: &str, words: &[&str]) {
    fails_in(&Place::new(), config, words);
}

#[track_caller]
fn fails_in(place: &Place, config: &str, words: &[&str]) {
    pool(place, &[config]);
    certify(place, "out.tsv").fails(1, words);
}

#[test]
fn what_cannot_be_used_is_named() {
    if !Path::new("/dev/nvidia0").exists() {
        fails(&checkpoint(", device = \"cuda\""), &["expert m0", "cuda:0", "device = \"cpu\""]);
    }
    fails(&checkpoint(", device = \"gpu\""), &["\"gpu\" found", "\"cuda:0\""]);
    fails(&checkpoint(", speed = 9"), &["expert m0", "unknown field `speed`"]);
    let checkpoint_as_script =
        checkpoint("").replace("kind = \"checkpoint\"", "kind = \"torchscript\"");
    fails(&checkpoint_as_script, &["resnet20.pth.tar", "use kind = \"checkpoint\""]);
    fails(&checkpoint(", arch = \"vgg\""), &["\"vgg\" found", "cifar_resnet110"]);
    fails(&checkpoint(", arch = \"cifar_resnet110\""), &["layer1.3", "are missing"]);
}

#[test]
fn code_in_a_checkpoint_is_refused_and_not_run() {
    let evil = root().join("checkpoint/tests/fixtures/evil-system.pth");
    let config = format!(
        "kind = \"checkpoint\", model = \"{}\", arch = \"cifar_resnet20\", sigma = 0.25, classes = 10",
        evil.display()
    );
    fails(&config, &["evil-system.pth", "it holds code", "was not run"]);
}

#[test]
fn two_versions_of_libtorch_cannot_share_a_process() {
    let place = Place::new();
    pool(&place, &[&checkpoint("")]);
    let mut toml = place.read("experts.toml");
    toml.push_str("[[expert]]\nname = \"n\"\nplugin = \"other_libtorch\"\nconfig = {}\n");
    place.write("experts.toml", toml);
    certify(&place, "out.tsv").fails(
        1,
        &["expert n", "libtorch 2.10.0", "torch already brought another version", "can hold one"],
    );
}

/// A safetensors file with the tensors of the test network under each of the prefixes.
fn several(place: &Place, prefixes: &[&str]) {
    let checkpoint = drs_checkpoint::read(&models().join("resnet20.pth.tar")).unwrap();
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (number, prefix) in (0u8..).zip(prefixes) {
        for (name, tensor) in checkpoint.tensors() {
            if name.ends_with("num_batches_tracked") {
                continue;
            }
            let start = data.len();
            data.extend_from_slice(tensor.data());
            // Each another bias, or they would be one.
            if name.ends_with("fc.bias") {
                data[start] = number;
            }
            let entry = serde_json::json!({
                "dtype": "F16", "shape": tensor.shape(), "data_offsets": [start, data.len()],
            });
            header.insert(format!("{prefix}{name}"), entry);
        }
    }
    let header = serde_json::to_vec(&header).unwrap();
    let length = (header.len() as u64).to_le_bytes();
    place.write("several.safetensors", [&length[..], &header, &data].concat());
}

#[test]
fn a_choice_among_weights_is_told() {
    let place = Place::new();
    several(&place, &["model.", "ema_model."]);
    let config = |more: &str| {
        format!(
            "kind = \"checkpoint\", model = \"several.safetensors\", arch = \"cifar_resnet20\", sigma = 0.25, classes = 10{more}"
        )
    };
    pool(&place, &[&config("")]);
    let run = certify(&place, "out.tsv");
    assert_eq!(run.code, 0, "{run}");
    for word in ["WARN", "several.safetensors", "\"ema_model.1\", are used", "weights = \"raw\""] {
        assert!(run.stderr.contains(word), "\"{word}\" in {run}");
    }
    for weights in ["ema", "raw"] {
        pool(&place, &[&config(&format!(", weights = \"{weights}\""))]);
        let run = certify(&place, &format!("{weights}.tsv"));
        assert!(run.code == 0 && !run.stderr.contains("several sets"), "{run}");
    }
    several(&place, &["first.", "second."]);
    fails_in(&place, &config(""), &["\"first.1\", \"second.1\"", "weights = "]);
}

#[test]
fn a_compiled_package_votes_as_the_torchscript_of_the_same_model() {
    built_torch();
    let stages = |config: &str, file: &str| {
        let place = Place::new();
        let model = models().join(file);
        let model = model.display();
        // Without a plugin's name: the ending tells.
        place.write(
            "experts.toml",
            format!(
                "[input]\nshape = [1, 8, 8]\nquantum = \"1/255\"\n[[expert]]\nname = \"m\"\nconfig = {{ {config}, model = \"{model}\" }}\n"
            ),
        );
        for (class, light) in [("0", 90), ("1", 200)] {
            let path = place.write(&format!("data/{class}/0.png"), b"");
            let pixel = |x: u32, y: u32| image::Luma([(light + x * 7 + y * 3) as u8]);
            ImageBuffer::from_fn(8, 8, pixel).save(path).unwrap();
        }
        let certify = "certify --experts experts.toml --data data --method one:m --n 2000 --sampling fixed --seed 3 --out out.tsv";
        let _ = place.drs(certify).succeeds();
        let found = certificates(&place, "out.jsonl");
        let from = found[0].provenance.as_ref().unwrap();
        assert_eq!(from.models[0].files[0].name, file);
        let votes: u64 = found.iter().map(Certificate::draws).sum();
        (
            serde_json::to_string(&found.iter().map(|c| &c.stages).collect::<Vec<_>>()).unwrap(),
            votes,
        )
    };
    // The package brings sigma and classes.
    let package = stages("kind = \"export\"", "small.pt2");
    assert_eq!(package, stages("kind = \"torchscript\", sigma = 0.25, classes = 5", "small.pt"));
    assert!(package.1 >= 4000, "{package:?}");
}

#[test]
fn a_package_that_is_torn_is_told_when_the_pool_opens() {
    built_torch();
    let place = Place::new();
    let whole = std::fs::read(models().join("small.pt2")).unwrap();
    place.write("torn.pt2", &whole[..whole.len() / 2]);
    place.write(
        "experts.toml",
        "[input]\nshape = [1, 8, 8]\nquantum = \"1/255\"\n[[expert]]\nname = \"m\"\nconfig = { kind = \"export\", model = \"torn.pt2\" }\n",
    );
    let words = ["expert m", "torn.pt2", "truncated", "aoti_compile_and_package"];
    place.drs("bench --experts experts.toml").fails(1, &words);
}
