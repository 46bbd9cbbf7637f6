//! Mutated records of the real binary: the verifier accepts none that claims more than its
//! votes support. The same mutants find every verifier that is broken on purpose.

mod judge;
mod mutate;
mod plain;

use std::sync::OnceLock;

use drs_analysis::Run;
use drs_core::certificate::Certificate;
use drs_core::verify;
use drs_tests::Place;
use judge::{Flaw, cut, overclaims, recomputed};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// Of which half are records at all.
const MUTANTS: u64 = 20_000;

const METHODS: [&str; 10] = [
    "one:near",
    "one:far --two-sided",
    "multiscale",
    "dual",
    "dual --two-sided",
    "set",
    "set --two-sided",
    "maxmin",
    "blend",
    "one:wide",
];

const SAMPLINGS: [&str; 4] =
    ["--sampling fixed", "--full --first-look 40 --look-growth 1.6", "--tol 0.1", "--radius 0.3"];

/// Three experts on three classes, a router, and terms that use it.
fn pool() -> String {
    let model = |sigma: f64, value: usize, thresholds: [f64; 2], classes: &str| {
        let weights: Vec<f64> = (0..4).map(|i| f64::from(u8::from(i == value))).collect();
        let steps = thresholds.map(|step| step / 255.0);
        format!(
            "plugin = \"halfspace\"\nconfig = {{ sigma = {sigma:?}, weights = {weights:?}, thresholds = {steps:?}, classes = [{classes}] }}\n"
        )
    };
    let classes = "\"low\", \"middle\", \"high\"";
    let mut toml = "[input]\nshape = [1, 2, 2]\nquantum = \"1/255\"\n".to_owned();
    toml += &format!("[router]\n{}", model(0.5, 1, [89.5, 179.5], "\"near\", \"far\", \"wide\""));
    for (name, sigma, thresholds) in
        [("near", 0.25, [79.5, 169.5]), ("far", 0.5, [69.5, 189.5]), ("wide", 0.8, [59.5, 199.5])]
    {
        toml += &format!("[[expert]]\nname = \"{name}\"\n{}", model(sigma, 0, thresholds, classes));
    }
    toml + "[[blend]]\nweights = { wide = 1 }\n\
            [[blend]]\nweights = { near = 2, far = 1 }\ncap = 0.05\nroute = [\"near\", \"far\"]\noffset = 0.01\n"
}

/// The records of every method under every sampling.
fn records() -> &'static [Certificate] {
    static RECORDS: OnceLock<Vec<Certificate>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let place = Place::new();
        place.write("experts.toml", pool());
        let inputs = [[0, 40, 0, 0], [125, 130, 3, 0], [255, 250, 0, 9], [85, 120, 7, 7], [150, 200, 1, 1]];
        let inputs: Vec<(Vec<u8>, u8)> = inputs.map(|input| (input.to_vec(), 1)).into();
        place.write_idx("data", [2, 2], &inputs);
        let mut records = Vec::new();
        for method in METHODS {
            for sampling in SAMPLINGS {
                let args = format!(
                    "certify --experts experts.toml --data data --n 400 --n0 50 --alpha 0.01 --seed 5 --overwrite --out out.tsv --method {method} {sampling}"
                );
                let _ = place.drs(&args).succeeds();
                for line in place.read("out.jsonl").lines() {
                    let line: Value = serde_json::from_str(line).unwrap();
                    records.push(serde_json::from_value(line["certificate"].clone()).unwrap());
                }
            }
        }
        records
    })
}

/// Records whose time was up: of each record, those after some of its looks.
fn cuts() -> &'static [Certificate] {
    static CUTS: OnceLock<Vec<Certificate>> = OnceLock::new();
    CUTS.get_or_init(|| {
        let after = |record| [2, 3, 5].into_iter().filter_map(move |looks| cut(record, looks));
        records().iter().flat_map(after).filter(|record| record.cut).collect()
    })
}

/// So many records one run has.
const INPUTS: usize = 5;

/// Mutant number `seed`; `None` where it is not even a record any more.
fn mutant(seed: u64) -> Option<Certificate> {
    static VALUES: OnceLock<Vec<Value>> = OnceLock::new();
    let all = || records().iter().chain(cuts());
    let values =
        VALUES.get_or_init(|| all().map(|record| serde_json::to_value(record).unwrap()).collect());
    let mut rng = StdRng::seed_from_u64(seed);
    let place = rng.random_range(0..values.len());
    let honest = all().nth(place)?;
    // Every seventh is a forgery whose numbers fit each other, but for one lie.
    if seed.is_multiple_of(7) {
        return Flaw::ALL[rng.random_range(0..Flaw::ALL.len())].forge(honest);
    }
    let mut value = values[place].clone();
    for _ in 0..rng.random_range(1..=3) {
        mutate::mutate(&mut value, values, &mut rng);
    }
    // From text, as they come: text cannot hold all that a value can.
    let changed: Certificate = serde_json::from_str(&value.to_string()).ok()?;
    // Every fifth claims what its changed votes and protocol give, which is its good right.
    if seed.is_multiple_of(5) { recomputed(&changed) } else { Some(changed) }
}

fn json(record: &Certificate) -> String {
    serde_json::to_string(record).unwrap()
}

#[test]
fn every_record_of_the_binary_follows_and_plain_formulas_agree() {
    let mut known = 0;
    for record in records() {
        verify(record).unwrap_or_else(|rejection| panic!("{rejection}\n{}", json(record)));
        assert!(!overclaims(record), "{}", json(record));
        let Some((class, radius)) = plain::claim(record) else { continue };
        let found = &record.verdict;
        assert!(
            found.class == class && (found.radius.get() - radius).abs() < plain::SLACK,
            "{class:?} at {radius} by plain formulas\n{}",
            json(record)
        );
        known += usize::from(class.is_some());
    }
    assert!(known > 35, "{known} radii compared");
}

#[test]
fn records_that_were_cut_follow_and_say_so() {
    assert!(cuts().len() > 100, "{} records were cut", cuts().len());
    for record in cuts() {
        verify(record).unwrap_or_else(|rejection| panic!("{rejection}\n{}", json(record)));
        assert!(!overclaims(record), "{}", json(record));
        // Votes that are missing for no reason, and a reason for votes that are not missing.
        let silent = Certificate { cut: false, ..record.clone() };
        assert!(verify(&silent).is_err(), "{}", json(&silent));
    }
    for record in records() {
        let loud = Certificate { cut: true, ..record.clone() };
        assert!(verify(&loud).is_err(), "{}", json(&loud));
    }
}

#[test]
fn no_mutant_that_claims_too_much_is_accepted() {
    let (mut parsed, mut accepted, mut changed, mut too_much) = (0, 0, 0, 0);
    for record in (0..MUTANTS).filter_map(mutant) {
        parsed += 1;
        too_much += usize::from(overclaims(&record));
        if verify(&record).is_err() {
            continue;
        }
        accepted += 1;
        changed += usize::from(!records().contains(&record) && !cuts().contains(&record));
        assert!(!overclaims(&record), "{}", json(&record));
        // Nothing but the record's votes decides: accepted means equal to what they give.
        assert_eq!(Some(&record), recomputed(&record).as_ref());
    }
    eprintln!(
        "{parsed} parsed, {accepted} accepted, {changed} of them changed, {too_much} claim too much"
    );
    assert!(parsed >= 10_000, "{parsed} mutants are records at all");
    assert!(changed > 700, "{changed} accepted mutants claim what their votes give");
    assert!(too_much > 2000, "{too_much} mutants claim too much");
}

#[test]
fn the_mutants_find_every_broken_verifier() {
    for flaw in Flaw::ALL {
        let mut mutants = (0..MUTANTS).filter_map(mutant);
        let found = mutants.find(|record| flaw.accepts(record) && overclaims(record));
        let found = found.unwrap_or_else(|| panic!("{flaw:?}: no mutant shows the flaw"));
        assert!(verify(&found).is_err(), "{flaw:?}: {}", json(&found));
    }
}

#[test]
fn broken_verifiers_accept_what_is_right() {
    // Else they would be found out by refusing everything.
    for flaw in Flaw::ALL {
        assert!(records().iter().any(|record| flaw.accepts(record)), "{flaw:?}");
    }
}

#[test]
fn records_are_of_one_run_where_they_were_certified_together_and_nowhere_else() {
    let runs: Vec<Vec<Run>> = records()
        .chunks(INPUTS)
        .map(|run| [&run[0], &run[INPUTS - 1]].map(Run::of).into())
        .collect();
    assert_eq!(runs.len(), METHODS.len() * SAMPLINGS.len());
    for (place, run) in runs.iter().enumerate() {
        assert_eq!(run[0].difference(&run[1]), None);
        assert_eq!(run[0].key(), run[1].key());
        for other in &runs[..place] {
            assert!(run[1].difference(&other[0]).is_some() && run[1].key() != other[0].key());
        }
    }
}

#[test]
fn a_mutant_that_is_accepted_in_another_s_run_has_the_same_question_and_pool() {
    let honest: std::collections::HashMap<String, &Certificate> =
        records().iter().chain(cuts()).map(|record| (Run::of(record).key(), record)).collect();
    let (mut same, mut other) = (0, 0);
    for record in (0..MUTANTS).filter_map(mutant).filter(|record| verify(record).is_ok()) {
        let Some(known) = honest.get(&Run::of(&record).key()) else {
            other += 1;
            continue;
        };
        same += 1;
        // What is left to differ are input, votes and what follows from them.
        let mut like = (*known).clone();
        (like.stages, like.bounds) = (record.stages.clone(), record.bounds.clone());
        like.cut = record.cut;
        like.verdict = record.verdict.clone();
        let input = record.provenance.as_ref().map(|provenance| provenance.input.clone());
        if let (Some(provenance), Some(input)) = (&mut like.provenance, input) {
            provenance.input = input;
        }
        assert_eq!(json(&record), json(&like));
    }
    assert!(same > 100 && other > 100, "{same} {other}");
}
