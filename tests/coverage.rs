//! Certificates through real dynamic libraries against true radii: halfspace
//! experts decide on one value at thresholds half-way between lattice points,
//! so every signed radius is exactly a signed distance.

use drs_tests::{Halfspaces, Place, rows_without_time};
use statrs::distribution::{Binomial, DiscreteCDF as _};

const ALPHA: f64 = 0.05;
const CERTIFICATES: usize = 2000;
/// Thresholds of the experts on value 0 and of the router on value 1, in steps.
const NEAR: f64 = 99.5;
const FAR: f64 = 119.5;
const ROUTE: f64 = 127.5;

/// Distinct inputs around the thresholds; the last value only tells them apart,
/// since noise is addressed by the input's digest.
fn inputs() -> Vec<[u8; 3]> {
    (0..CERTIFICATES)
        .map(|i| [(60 + (i * 37) % 100) as u8, (88 + (i * 53) % 80) as u8, (i / 100) as u8])
        .collect()
}

/// One look at all draws; and many looks, each of which may claim the most.
const FIXED: &str = "--sampling fixed";
const SEQUENTIAL: &str = "--full --first-look 20 --last-look 0.5";

/// Radii claimed for each input: class and radius in steps, if certified.
fn certified(method: &str, sampling: &str) -> Vec<Option<(usize, f64)>> {
    let place = Place::new();
    let pool = Halfspaces {
        shape: [1, 1, 3],
        experts: vec![("near", 0.25, 0, NEAR), ("far", 0.5, 0, FAR)],
        router: Some((0.5, 1, vec![ROUTE])),
    };
    place.write("experts.toml", pool.toml());
    let inputs: Vec<(Vec<u8>, u8)> = inputs().iter().map(|x| (x.to_vec(), 0)).collect();
    place.write_idx("data", [1, 3], &inputs);
    let _ = place
        .drs(&format!(
            "certify --experts experts.toml --data data --out out.tsv --n0 50 --n 300 --alpha {ALPHA} --seed 2 --method {method} {sampling}"
        ))
        .succeeds();
    // Full precision is in the records.
    let records = place.read("out.jsonl");
    assert_eq!(rows_without_time(&place.read("out.tsv")).len(), CERTIFICATES);
    let verdict = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let verdict = &record["certificate"]["verdict"];
        let class = verdict["class"].as_u64()? as usize;
        Some((class, verdict["radius"].as_f64().unwrap() * 255.0))
    };
    records.lines().map(verdict).collect()
}

/// The answer of a hard route at a point, in steps.
fn routed(x: &[f64; 2]) -> usize {
    usize::from(x[0] > if x[1] < ROUTE { NEAR } else { FAR })
}

/// The answer of H = argmax_c max_S min(t_S, min s_i^c): all are signed distances.
fn maxmin(x: &[f64; 2]) -> usize {
    let t = [ROUTE - x[1], x[1] - ROUTE];
    let high = [x[0] - NEAR, x[0] - FAR];
    let strength = |s: [f64; 2]| t[0].min(s[0]).max(t[1].min(s[1])).max(s[0].min(s[1]));
    usize::from(strength(high) > strength(high.map(|s| -s)))
}

/// From the largest σ down, the first expert that is sure of a class: a
/// halfspace expert always is.
fn cascade(x: &[f64; 2]) -> usize {
    usize::from(x[0] > FAR)
}

fn one_near(x: &[f64; 2]) -> usize {
    usize::from(x[0] > NEAR)
}

/// Whether a point closer than `radius` has another answer than `class`.
fn refuted(x: [f64; 2], class: usize, radius: f64, answer: fn(&[f64; 2]) -> usize) -> bool {
    (0..720).any(|step| {
        let angle = f64::from(step).to_radians() / 2.0;
        (0..=60).any(|part| {
            let distance = radius * (1.0 - 1e-9) * f64::from(part) / 60.0;
            answer(&[x[0] + distance * angle.cos(), x[1] + distance * angle.sin()]) != class
        })
    })
}

/// Returns (certified, refuted).
fn attack(method: &str, sampling: &str, answer: fn(&[f64; 2]) -> usize) -> (u64, u64) {
    let (mut claims, mut wrong) = (0, 0);
    for (x, verdict) in inputs().iter().zip(certified(method, sampling)) {
        if let Some((class, radius)) = verdict {
            claims += 1;
            let point = [f64::from(x[0]), f64::from(x[1])];
            wrong += u64::from(refuted(point, class, radius, answer));
        }
    }
    (claims, wrong)
}

#[track_caller]
fn holds(method: &str, answer: fn(&[f64; 2]) -> usize) {
    let allowed = Binomial::new(ALPHA, CERTIFICATES as u64).unwrap().inverse_cdf(0.9999);
    for sampling in [FIXED, SEQUENTIAL] {
        let (claims, wrong) = attack(method, sampling, answer);
        assert!(claims > 500, "{method} {sampling}: {claims} certified");
        assert!(
            wrong <= allowed,
            "{method} {sampling}: {wrong} of {claims} claim too much, at most {allowed} expected"
        );
    }
}

#[test]
fn one_sigma() {
    holds("one:near", one_near);
    // Not vacuous: a level-α bound on 300 draws errs nearly as often as α allows.
    let (claims, wrong) = attack("one:near", FIXED, one_near);
    assert!(wrong as f64 > 0.4 * ALPHA * claims as f64, "{wrong} of {claims}");
}

#[test]
fn dual() {
    holds("dual", routed);
}

#[test]
fn set() {
    holds("set", routed);
}

#[test]
fn maxmin_rule() {
    holds("maxmin", maxmin);
}

#[test]
fn multiscale() {
    holds("multiscale", cascade);
}

#[test]
fn the_attack_refutes_certificates_of_another_classifier() {
    let (_, wrong) = attack("one:far", FIXED, one_near);
    assert!(wrong > 200, "{wrong}");
}
