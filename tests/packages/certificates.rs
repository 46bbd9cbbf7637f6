//! What packages say of certificates, and signatures of other files.

use std::fs;

use drs_tests::{Place, built, example};
use serde_json::Value;

use super::{User, bare};

#[test]
fn a_package_tells_what_its_own_certificates_say() {
    let place = Place::new();
    let drs = bare(&place);
    let user = User::new(&place, &drs, "publisher");
    let (pool, labels) = (example().join("experts.toml"), example().join("labels.csv"));
    let certify = |experts: &str, out: &str, labels: &str| {
        let images = example().join("images");
        user.drs(&format!(
            "certify --experts {experts} --data {} --labels {labels} --n 300 --seed 3 --out {out}",
            images.display()
        ))
    };
    let (pool, labels) = (pool.display().to_string(), labels.display().to_string());
    certify(&pool, "run.tsv", &labels);
    let pack = |experts: &str, certificates: &str| {
        format!(
            "expert pack {experts} --name fashion --version 1.0.0 --license MIT --no-check --certificates {certificates}"
        )
    };
    user.drs(&pack(&pool, "twenty=run.jsonl"));
    user.drs("expert install fashion-1.0.0.drsx --allow-unsigned");
    let told: Value = serde_json::from_str(&user.drs("expert info fashion --json")).unwrap();
    let metric = &told["manifest"]["metric"][0];
    assert_eq!((&metric["data"], &metric["inputs"]), (&"twenty".into(), &20.into()));
    assert_eq!((&metric["method"], &metric["alpha"]), (&"maxmin".into(), &0.001.into()));
    // Counted from the certificates, without what is tested.
    let text = fs::read_to_string(user.home.join("run.jsonl")).unwrap();
    let records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let within = |radius: f64| {
        let is = |record: &&Value| {
            let verdict = &record["certificate"]["verdict"];
            record["correct"] == true && verdict["radius"].as_f64().is_some_and(|own| own >= radius)
        };
        records.iter().filter(is).count()
    };
    let radii: Vec<f64> =
        metric["radii"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
    assert!(radii.len() >= 3 && radii[..3] == [0.0, 0.25, 0.5], "{radii:?}");
    for (radius, share) in radii.iter().zip(metric["certified_accuracy"].as_array().unwrap()) {
        let expected = (within(*radius) as f64 / 20.0 * 1e4).floor() / 1e4;
        assert_eq!(share.as_f64(), Some(expected), "within {radius}");
    }
    assert_eq!(within(radii[radii.len() - 1] + 0.25), 0);
    let shown = user.drs("expert info fashion");
    assert!(shown.contains("certified twenty, 20 inputs, maxmin, alpha 0.001: "), "{shown}");

    // A radius that does not follow from its votes.
    let (radius, class) = (records[0]["certificate"]["verdict"]["radius"].to_string(), "9.5");
    fs::write(user.home.join("forged.jsonl"), text.replacen(&radius, class, 1)).unwrap();
    fs::copy(user.home.join("run.run.json"), user.home.join("forged.run.json")).unwrap();
    user.refused(&pack(&pool, "forged.jsonl"), "line 1: certificate.");
    // Of the same experts in another order of routes: other models under these names.
    let other = user.home.join("other");
    fs::create_dir(&other).unwrap();
    for file in ["router.onnx", "s025.onnx", "s050.onnx", "s100.onnx"] {
        fs::copy(example().join(file), other.join(file)).unwrap();
    }
    let swapped = fs::read_to_string(&pool).unwrap();
    let swapped =
        swapped.replace("\"s025.onnx\"", "\"tmp\"").replace("\"s050.onnx\"", "\"s025.onnx\"");
    fs::write(other.join("experts.toml"), swapped.replace("\"tmp\"", "\"s050.onnx\"")).unwrap();
    user.refused(&pack("other/experts.toml", "run.jsonl"), "others than those that are packed");
    // The same files, configured otherwise.
    let told = fs::read_to_string(&pool).unwrap();
    let told = told.replace("model = \"s100.onnx\"", "model = \"s100.onnx\", sigma = 1.0");
    fs::write(other.join("experts.toml"), told).unwrap();
    user.refused(&pack("other/experts.toml", "run.jsonl"), "model s100: its files");
    // Without classes there is no accuracy.
    certify(&pool, "none.tsv", "none");
    user.refused(&pack(&pool, "none.jsonl"), "expected the true class");
    // Two runs in one file.
    let none = fs::read_to_string(user.home.join("none.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().take(1).chain(none.lines().skip(1)).collect();
    fs::write(user.home.join("two.jsonl"), lines.join("\n") + "\n").unwrap();
    user.refused(&pack(&pool, "two.jsonl"), "expected the true class");
    let library = built().join("libdrs_expert_misbehaving.so");
    user.refused(&pack(&library.display().to_string(), "run.jsonl"), "a plugin has none");
}

#[test]
fn any_file_can_be_signed_as_minisign_does() {
    let place = Place::new();
    let drs = bare(&place);
    let user = User::new(&place, &drs, "publisher");
    user.drs("expert keygen --no-password --out p.key");
    fs::write(user.home.join("SHA256SUMS"), "00 a\n").unwrap();
    user.drs("expert sign --key p.key SHA256SUMS");
    let read = |name: &str| fs::read_to_string(user.home.join(name)).unwrap();
    let key = minisign_verify::PublicKey::decode(&read("p.pub")).unwrap();
    let signature = minisign_verify::Signature::decode(&read("SHA256SUMS.minisig")).unwrap();
    key.verify(b"00 a\n", &signature, false).unwrap();
    assert!(key.verify(b"00 b\n", &signature, false).is_err());
}
