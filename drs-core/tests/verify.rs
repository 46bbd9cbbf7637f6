//! Certificates of analytic problems, verified and tampered with in ways that text cannot be.

mod common;

use common::{METHODS, Problem, Sampled, stated};
use drs_core::certificate::{Certificate, RECORD_VERSION};
use drs_core::design::Schedule;
use drs_core::protocol::{Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping};
use drs_core::verify::{Agreement, ReplayError, replay};
use drs_core::{certify, verify};

fn sequential(stopping: Stopping) -> Sampling {
    let schedule = Schedule { first: 30, growth: 1.5, last: 0.6 };
    Sampling::Sequential(Sequential { schedule, ..Sequential::new(stopping) })
}

fn certified(problem: &Problem, method: Method, sampling: Sampling, seed: u64) -> Certificate {
    let (pool, provenance) = stated(problem);
    let protocol = Protocol { n0: 40, n: 300, sampling, ..Protocol::default() };
    let mut source = Sampled { problem, seed };
    certify(&pool, method, &protocol, Some(provenance), &mut source).unwrap()
}

#[test]
fn every_method_s_certificates_follow_and_replay() {
    for seed in 0..40 {
        let problem = Problem::random(seed);
        for method in METHODS {
            let stoppings = [Stopping::Full, Stopping::Tolerance(0.1), Stopping::Radii(vec![0.2])];
            let samplings = stoppings.map(sequential);
            for sampling in samplings.into_iter().chain([Sampling::Fixed]) {
                let record = certified(&problem, method, sampling, seed);
                verify(&record)
                    .unwrap_or_else(|rejection| panic!("{seed} {method:?}: {rejection}"));
                let mut source = Sampled { problem: &problem, seed };
                let agreement = replay(&record, &stated(&problem).0, &mut source).unwrap();
                assert_eq!(agreement, Agreement::Equal, "{seed} {method:?}");
            }
        }
    }
}

#[test]
fn a_record_without_any_draw_is_verified_too() {
    // Nothing that could be drawn reaches so far.
    let sampling = sequential(Stopping::Radii(vec![1e6]));
    let record = certified(&Problem::random(1), Method::Multiscale, sampling, 1);
    assert!(record.stages.is_empty() && record.verdict.class.is_none());
    verify(&record).unwrap();
    let none = Certificate { classes: None, ..record.clone() };
    assert_eq!(verify(&none).unwrap_err().field, "classes");
    let many = Certificate { classes: Some(usize::MAX), ..record };
    assert!(verify(&many).unwrap_err().to_string().contains("2 to 65536"));
}

#[test]
fn what_cannot_be_recomputed_is_refused() {
    let record = certified(&Problem::random(3), Method::MaxMin, Sampling::Fixed, 3);
    let told = |record: &Certificate| verify(record).unwrap_err().to_string();
    let unknown = Certificate { provenance: None, ..record.clone() };
    assert!(told(&unknown).starts_with("provenance: nothing"), "{}", told(&unknown));
    for version in [0, 5, RECORD_VERSION + 1, u32::MAX] {
        let other = Certificate { version, ..record.clone() };
        let words = format!("version: {version}, expected {RECORD_VERSION}");
        assert!(told(&other).starts_with(&words), "{}", told(&other));
    }
    let mut nobody = record.clone();
    nobody.provenance.as_mut().unwrap().models.clear();
    assert!(told(&nobody).starts_with("provenance.models: no expert"), "{}", told(&nobody));
    for distance in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5] {
        let other = Certificate { distance, ..record.clone() };
        assert!(told(&other).starts_with("distance: "), "{}", told(&other));
    }
    for bad in [f64::NAN, f64::INFINITY, -1.0, 2.0] {
        let mut other = record.clone();
        other.protocol.split.route = bad;
        assert!(told(&other).contains("`route`"), "{}", told(&other));
        let mut other = record.clone();
        other.protocol.sampling = sequential(Stopping::Radii(vec![0.1, -bad.abs()]));
        assert!(told(&other).contains("`radii`"), "{}", told(&other));
    }
}

#[test]
fn votes_of_another_input_do_not_replay() {
    let mut rejected = 0;
    for seed in 0..20 {
        let (problem, other) = (Problem::random(seed), Problem::random(seed + 1000));
        let record = certified(&problem, Method::One(0), Sampling::Fixed, seed);
        let pool = stated(&problem).0;
        if pool.classes != other.classes {
            continue;
        }
        let mut source = Sampled { problem: &other, seed };
        match replay(&record, &pool, &mut source) {
            Err(ReplayError::Rejected(rejection)) => {
                assert!(rejection.field.starts_with("stages["), "{rejection}");
                rejected += 1;
            }
            outcome => assert!(outcome.is_ok()),
        }
    }
    assert!(rejected > 3, "{rejected}");
}
