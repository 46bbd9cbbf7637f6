//! `drs init`: what it writes opens, and what does not fit is refused.

use std::io::Write as _;
use std::process::{Command, Stdio};

use drs_router::{Config, RouterSpec};
use drs_tests::{Place, built, example, example_images, skipped};

const MODELS: [&str; 4] = ["router.onnx", "s025.onnx", "s050.onnx", "s100.onnx"];

/// The models of the example, in a folder of their own.
fn models() -> Place {
    let place = Place::new();
    for file in MODELS {
        place.write(&format!("models/{file}"), std::fs::read(example().join(file)).unwrap());
    }
    place
}

/// A model without what it says of itself: the fields 14 of the file.
fn silent(model: &[u8]) -> Vec<u8> {
    let mut rest = model;
    let mut kept = Vec::new();
    let number = |bytes: &mut &[u8]| {
        let (mut value, mut shift) = (0_usize, 0);
        loop {
            let byte = usize::from(bytes[0]);
            *bytes = &bytes[1..];
            value |= (byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                return value;
            }
        }
    };
    while !rest.is_empty() {
        let whole = rest;
        let tag = number(&mut rest);
        let length = number(&mut rest);
        // Of the fields here only numbers and texts: 0 and 2.
        rest = &rest[if tag & 7 == 2 { length } else { 0 }..];
        if tag >> 3 != 14 {
            kept.extend_from_slice(&whole[..whole.len() - rest.len()]);
        }
    }
    kept
}

fn with_silent(place: &Place) {
    for file in MODELS {
        let model = silent(&std::fs::read(example().join(file)).unwrap());
        place.write(&format!("silent/{file}"), model);
    }
}

#[test]
fn a_newcomer_s_pool_opens_and_answers() {
    let place = models();
    let args =
        "init models/s100.onnx models/s025.onnx models/s050.onnx --router models/router.onnx";
    let said = place.drs(args).succeeds();
    assert!(said.contains("3 experts and a router; 10 classes; inputs of 1x28x28"), "{said}");
    assert!(said.contains("try it: drs route --experts experts.toml"), "{said}");
    let config = Config::read(&place.path("experts.toml")).unwrap();
    let names: Vec<&str> = config.experts.iter().map(|expert| expert.name.as_str()).collect();
    assert_eq!(names, ["s025", "s050", "s100"], "in the order of sigma");
    assert!(config.experts.iter().all(|expert| expert.model.chosen));
    assert_eq!(config.experts[0].model.config["model"], "models/s025.onnx");
    assert!(matches!(config.router, Some(RouterSpec::Own(_))));
    let (image, _) = &example_images()[1];
    let route = "route --experts experts.toml --n 500 --seed 1";
    let _ = place.drs_with(route, &[image]).succeeds();
    // From another folder it is the same pool.
    std::fs::create_dir(place.path("pool")).unwrap();
    let _ = place.drs(&format!("{args} --out pool/experts.toml")).succeeds();
    let moved = "route --experts pool/experts.toml --n 100 --n0 50 --seed 1";
    let _ = place.drs_with(moved, &[image]).succeeds();
}

#[test]
fn nothing_is_written_over_or_half() {
    let place = models();
    place.write("experts.toml", "mine");
    place.drs("init models/s025.onnx").fails(2, &["experts.toml", "--force", "--out"]);
    assert_eq!(place.read("experts.toml"), "mine");
    // Refused models leave what is there, even with consent.
    place.drs("init models/s025.onnx --sigma 0.5 --force").fails(1, &["--sigma", "0.25"]);
    assert_eq!(place.read("experts.toml"), "mine");
    let _ = place.drs("init models/s025.onnx --force").succeeds();
    assert!(Config::read(&place.path("experts.toml")).is_ok());
    let model = std::fs::read(place.path("models/s025.onnx")).unwrap();
    let onto = "init models/s025.onnx --force --out models/s025.onnx";
    place.drs(onto).fails(2, &["models/s025.onnx", "--out"]);
    assert!(std::fs::read(place.path("models/s025.onnx")).unwrap() == model);
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_no_file() {
    let place = models();
    place.write("other/s025.onnx", std::fs::read(example().join("s050.onnx")).unwrap());
    place.write("a.h5", "");
    place.write("bad.onnx", "no model");
    for (args, code, words) in [
        ("models/s025.onnx other/s025.onnx", 1, &["other/s025.onnx", "\"s025\"", "NAME="][..]),
        ("models/s025.onnx --router models/router.onnx", 1, &["s025, s050, s100", "router.onnx"]),
        (
            "a=models/s025.onnx b=models/s050.onnx c=models/s100.onnx --router models/router.onnx",
            1,
            &["a, b, c", "s025=MODEL"],
        ),
        ("models/s025.onnx --sigma s050=0.5", 2, &["--sigma s050=0.5", "s025"]),
        ("models/s025.onnx --sigma 0.25,0.25", 2, &["--sigma", "two values"]),
        ("models/s025.onnx --sigma=-1", 2, &["--sigma"]),
        ("models/s025.onnx --shape 3,32,32", 2, &["1x28x28", "--shape", "3x32x32"]),
        ("models/s025.onnx --classes a,b", 1, &["--classes", "Trouser"]),
        ("models/s025.onnx models/router.onnx", 1, &["router.onnx", "--router"]),
        ("a.h5", 1, &["a.h5", ".onnx", ".safetensors"]),
        ("bad.onnx --shape 1,28,28", 1, &["bad.onnx"]),
        ("absent.onnx", 1, &["absent.onnx", "no such file"]),
        ("models/s025.onnx --out absent/experts.toml", 2, &["no folder absent"]),
        ("", 2, &["MODEL"]),
    ] {
        place.drs(&format!("init {args}")).fails(code, words);
        assert!(!place.path("experts.toml").exists(), "{args}");
    }
}

#[test]
fn what_no_file_tells_is_an_option() {
    let place = Place::new();
    with_silent(&place);
    place.write("labels.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    let experts = "init silent/s050.onnx silent/s025.onnx";
    place.drs(experts).fails(2, &["silent/s050.onnx", "drs.sigma", "--sigma s050=SIGMA"]);
    let sigma = "--sigma s025=0.25,s050=0.5";
    place.drs(&format!("{experts} {sigma}")).fails(2, &["drs.classes", "--classes"]);
    let _ = place.drs(&format!("{experts} {sigma} --classes labels.txt")).succeeds();
    let config = Config::read(&place.path("experts.toml")).unwrap();
    let told = |place: usize| &config.experts[place].model.config;
    assert_eq!((&told(0)["sigma"], &told(1)["sigma"]), (&0.25.into(), &0.5.into()));
    assert_eq!(told(0)["classes"][9], "j");
    let all = "silent/s025.onnx silent/s050.onnx silent/s100.onnx --router silent/router.onnx";
    let args = format!("init {all} --sigma 0.5 --classes 10 --force");
    place.drs(&args).fails(2, &["silent/router.onnx", "--router-classes"]);
    // The router decides the order.
    let _ = place.drs(&format!("{args} --router-classes s100,s025,s050")).succeeds();
    let config = Config::read(&place.path("experts.toml")).unwrap();
    let names: Vec<&str> = config.experts.iter().map(|expert| expert.name.as_str()).collect();
    assert_eq!(names, ["s100", "s025", "s050"]);
}

#[test]
fn what_no_file_tells_is_asked_at_a_terminal() {
    let place = Place::new();
    with_silent(&place);
    let drs = built().join("drs");
    let line = format!("{} init silent/s025.onnx silent/s050.onnx", drs.display());
    // Gives the command a terminal, and types what it reads.
    let script = Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .current_dir(place.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut script) = script else { return skipped("no program `script`") };
    script.stdin.take().unwrap().write_all(b"0.25\n10\n0.5\n").unwrap();
    let output = script.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    for words in ["sigma that s025 (silent/s025.onnx)", "classes of s025", "sigma that s050"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("classes of s050"), "all experts have the same: {shown}");
    let config = Config::read(&place.path("experts.toml")).unwrap();
    assert_eq!(config.experts[1].model.config["classes"], 10);
}
