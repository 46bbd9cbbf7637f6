//! Published logs against their published table and an independent recount.

use std::path::{Path, PathBuf};

use drs_analysis::{Curve, Joint, Log, Pool};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs")
}

fn recount() -> Value {
    let text = std::fs::read_to_string(folder().join("recount.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Compares the logs of a group, and the oracle of each of its pools, with the recount.
fn compare(group: &str, folder: &Path) {
    let recount = recount();
    let radii = numbers(&recount["radii"]);
    let counts = |curve: &Curve| radii.iter().map(|&r| curve.count(r) as f64).collect::<Vec<_>>();
    let group = &recount["groups"][group];
    for (file, expected) in group["logs"].as_object().unwrap() {
        let log = Log::read(&folder.join(file)).unwrap();
        let curve = Curve::of(&log);
        assert_eq!(counts(&curve), numbers(&expected["certified"]), "{file}");
        assert_eq!(log.rows.len(), expected["inputs"].as_u64().unwrap() as usize, "{file}");
        assert_eq!(curve.count(0.0), expected["clean"].as_u64().unwrap() as usize, "{file}");
        let abstained = log.rows.iter().filter(|row| row.predict.is_none()).count();
        assert_eq!(abstained, expected["abstained"].as_u64().unwrap() as usize, "{file}");
        let average = expected["average_radius"].as_f64().unwrap();
        assert!((curve.average_radius() - average).abs() < 1e-9, "{file}");
    }
    for (pool, expected) in group["oracles"].as_object().unwrap() {
        let logs: Vec<Log> =
            pool.split(" + ").map(|file| Log::read(&folder.join(file)).unwrap()).collect();
        let joint = Joint::new(&logs).unwrap();
        assert_eq!(counts(&joint.oracle()), numbers(expected), "{pool}");
        assert_eq!(counts(Pool::all(&joint).last().unwrap().oracle()), numbers(expected), "{pool}");
    }
}

#[test]
fn the_published_table_of_cohen_et_al() {
    // Table of the repository's README: certified accuracy at these radii, two digits.
    let radii = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5];
    let table = [
        ("0.12", ["0.59", "0.00", "0.00", "0.00", "0.00", "0.00"]),
        ("0.25", ["0.60", "0.43", "0.27", "0.00", "0.00", "0.00"]),
        ("0.50", ["0.55", "0.41", "0.32", "0.23", "0.15", "0.09"]),
        ("1.00", ["0.39", "0.34", "0.28", "0.22", "0.17", "0.14"]),
    ];
    for (sigma, row) in table {
        let file = format!("cifar10_resnet110_noise_{sigma}_test_sigma_{sigma}.tsv");
        let curve = Curve::of(&Log::read(&folder().join(file)).unwrap());
        let found = radii.map(|radius| format!("{:.2}", curve.accuracy(radius)));
        assert_eq!(found, row, "sigma {sigma}");
    }
}

#[test]
fn the_logs_of_cohen_et_al_are_the_recount() {
    compare("cohen", &folder());
}

#[test]
fn the_logs_of_sun_et_al_are_the_recount() {
    let Some(logs) = std::env::var_os("DRS_CERTIFY_LOGS") else {
        eprintln!("SKIPPED: DRS_CERTIFY_LOGS is not set: no log of 10,000 images is compared");
        return;
    };
    compare("sun", &Path::new(&logs).join("acr-weakness"));
}
