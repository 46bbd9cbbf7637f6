//! The engine as a library: votes that it draws ahead are the votes asked for.

use std::sync::Arc;
use std::time::Duration;

use drs_core::certify::CertifyError;
use drs_core::design::{Design, Schedule};
use drs_core::lattice::{LatticeInput, Quantum, Shape};
use drs_core::noise::Seed;
use drs_core::pool::{Phase, Role, Stage};
use drs_core::protocol::{AlphaSplit, Bounding, Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping};
use drs_core::source::VoteSource;
use drs_core::units::Alpha;
use drs_core::votes::VoteCounts;
use drs_router::{Certify, Config, Count, Drawn, EngineError, Options, Router, UnderWay};
use drs_tests::{Halfspaces, Place, built};

const STAGES: [Stage; 2] = [
    Stage { role: Role::Router, phase: Phase::Estimation },
    Stage { role: Role::Expert(1), phase: Phase::Estimation },
];

fn open(place: &Place, threads: usize, batch: usize) -> Router {
    let library = built().join(format!(
        "{}drs_expert_halfspace{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ));
    let plugin = format!("plugin = {:?}", library.display().to_string());
    let toml = Halfspaces::pair().toml().replace("plugin = \"halfspace\"", &plugin);
    let config = Config::read(&place.write("experts.toml", toml)).unwrap();
    Router::open(&config, &Options { batch: Some(batch), ..Options::new(threads) }).unwrap()
}

fn input(value: i16) -> Arc<LatticeInput> {
    let shape = Shape::new([1, 2, 2]).unwrap();
    Arc::new(LatticeInput::new(shape, Quantum::EIGHT_BIT, vec![value, 120, 0, 9]).unwrap())
}

/// Both stages in turn, look by look; the second only half-way, as if it had been answered.
fn by_looks(source: &mut impl VoteSource, announce: bool) -> Vec<VoteCounts> {
    let design = Design::sequential(3000, &Schedule::default());
    let ends: Vec<u64> = design.looks().iter().map(|look| look.draws).collect();
    if announce {
        STAGES.iter().for_each(|&stage| source.announce(stage, &ends));
    }
    let mut votes = Vec::new();
    let mut start = 0;
    for (look, &end) in ends.iter().enumerate() {
        let stages = if look < ends.len() / 2 { &STAGES[..] } else { &STAGES[..1] };
        for &stage in stages {
            votes.push(source.votes(stage, start..end).unwrap_or_else(|error| panic!("{error}")));
        }
        start = end;
    }
    votes
}

#[test]
fn draws_made_ahead_are_the_draws_that_are_asked_for() {
    let place = Place::new();
    let seed = Seed::from_number(5);
    let expected = by_looks(&mut open(&place, 1, 1).votes(input(118), seed), false);
    for (threads, batch) in [(1, 64), (2, 7), (4, 100), (3, 4096)] {
        let router = open(&place, threads, batch);
        // Several at once, so that rows of what is asked and what is ahead share batches.
        std::thread::scope(|scope| {
            for announce in [true, true, false] {
                let (router, expected) = (&router, &expected);
                scope.spawn(move || {
                    let found = by_looks(&mut router.votes(input(118), seed), announce);
                    assert_eq!(found, *expected, "{threads} threads, batches of {batch}");
                });
            }
            scope.spawn(|| by_looks(&mut router.votes(input(30), seed), true));
        });
    }
}

#[test]
fn draws_that_are_no_announced_looks_can_be_asked_for_too() {
    let place = Place::new();
    let router = open(&place, 2, 16);
    let mut source = router.votes(input(118), Seed::from_number(5));
    source.announce(STAGES[1], &[100, 200]);
    let whole = source.votes(STAGES[1], 0..200).unwrap();
    let mut counts = vec![0; whole.counts().len()];
    for draws in [0..30, 30..170, 170..200] {
        let votes = source.votes(STAGES[1], draws).unwrap();
        counts.iter_mut().zip(votes.counts()).for_each(|(count, more)| *count += more);
    }
    assert_eq!(counts, whole.counts());
}

/// Stopped after a moment, and again in another engine, until it is done: what was drawn counts, and
/// the certificate is the one of an engine that was left alone.
#[test]
fn a_stopped_engine_hands_on_what_it_has() {
    let place = Place::new();
    let seed = Seed::from_number(5);
    let mut stops = 0;
    for (sampling, n, batch) in [
        (Sampling::Fixed, 200_000, 64),
        (Sampling::Sequential(Sequential::new(Stopping::Full)), 200_000, 7),
    ] {
        let protocol = Protocol {
            n0: 100,
            n,
            sampling,
            alpha: Alpha::new(0.001).unwrap(),
            bounding: Bounding::OneSided,
            split: AlphaSplit::default(),
        };
        let certify = |router: &Router, drawn: Drawn| {
            let votes = Arc::new(UnderWay::from(drawn));
            let question = Certify { method: Method::MaxMin, protocol: &protocol, seed };
            let given = router.ask_from(input(118), &question, &votes);
            (given.map(|timed| timed.outcome), votes.drawn())
        };
        let (expected, all) = certify(&open(&place, 2, batch), Drawn::default());
        let expected = expected.unwrap();
        assert!(all.draws() >= expected.draws());
        let mut drawn = Drawn::default();
        for pause in 1.. {
            let router = open(&place, 2, batch);
            let stopper = router.stopper();
            let before = drawn.draws();
            let (given, now) = std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(pause));
                    assert!(stopper.stop(Duration::from_secs(30)));
                });
                certify(&router, drawn.clone())
            });
            assert!(now.draws() >= before, "{} votes after {before}", now.draws());
            // Nothing is begun any more.
            if given.is_err() {
                let refused = router.votes(input(7), seed).votes(STAGES[0], 0..10);
                assert!(matches!(refused, Err(EngineError::Stopped)));
            }
            // As text, as it is kept.
            let text = serde_json::to_string(&now).unwrap();
            drawn = serde_json::from_str(&text).unwrap();
            assert_eq!(drawn, now);
            match given {
                Ok(certificate) => {
                    assert_eq!(certificate, expected);
                    break;
                }
                Err(CertifyError::Votes(EngineError::Stopped)) => stops += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(stops > 3, "{stops} stops");
}

#[test]
fn counted_votes_are_those_up_to_each_look() {
    let place = Place::new();
    let (router, seed) = (open(&place, 2, 7), Seed::from_number(5));
    let stages = STAGES.map(|stage| (stage, vec![10, 35, 200])).to_vec();
    let counted = router.ask(input(118), &Count { stages, seed }).unwrap().outcome;
    for (stage, looks) in STAGES.into_iter().zip(counted) {
        let upto = |end| router.votes(input(118), seed).votes(stage, 0..end).unwrap();
        assert_eq!(looks, [10, 35, 200].map(upto), "{stage:?}");
    }
}

/// The engine's noise does not fit an input of another shape, which is a mistake of the caller's.
/// Whatever panics in an engine's thread: who waits for votes is told, and so is who asks later.
#[test]
fn a_panic_of_the_engine_reaches_all_that_wait() {
    let (place, (told, tells)) = (Place::new(), std::sync::mpsc::channel());
    let router = open(&place, 2, 64);
    std::thread::spawn(move || {
        let votes = |value: LatticeInput, stage| {
            let mut source = router.votes(Arc::new(value), Seed::from_number(1));
            source.votes(stage, 0..1 << 40)
        };
        let small = Shape::new([1, 1, 1]).unwrap();
        let other = LatticeInput::new(small, Quantum::EIGHT_BIT, vec![7]).unwrap();
        let fine = LatticeInput::clone(&input(30));
        let outcomes = std::thread::scope(|scope| {
            // Another model, which has nothing to do with it.
            let waiting = scope.spawn(|| votes(fine.clone(), STAGES[0]));
            std::thread::sleep(Duration::from_millis(50));
            let panics = votes(other, STAGES[1]);
            [panics, waiting.join().unwrap(), votes(fine.clone(), STAGES[0])]
        });
        let last = router.try_last();
        told.send((outcomes, last)).unwrap();
    });
    let (outcomes, last) = tells.recv_timeout(Duration::from_secs(120)).expect("nobody waits");
    for outcome in outcomes {
        let error = outcome.expect_err("votes that nobody drew");
        assert!(matches!(error, EngineError::Panicked(_)), "{error}");
        assert!(error.to_string().contains("one noisy value per input value"), "{error}");
    }
    assert!(last.is_ok() || drs_router::is_panic(&last.unwrap_err()));
}
