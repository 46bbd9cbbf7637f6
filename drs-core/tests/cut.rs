//! Answers whose time was up: they hold whenever that is, and their records say so.

mod common;

use std::ops::Range;

use common::{METHODS, Problem, Sampled, phi_inverse, stated};
use drs_core::certificate::{Certificate, Verdict};
use drs_core::certify::CertifyError;
use drs_core::design::Schedule;
use drs_core::pool::Stage;
use drs_core::protocol::{Method, Protocol};
use drs_core::sampling::{Sampling, Sequential, Stopping};
use drs_core::source::VoteSource;
use drs_core::units::Alpha;
use drs_core::votes::VoteCounts;
use drs_core::{certify, verify};
use statrs::distribution::{Binomial, DiscreteCDF as _};

/// A source with time for so many requests.
struct Timed<'a> {
    votes: Sampled<'a>,
    left: usize,
    /// What was certified after each look.
    told: Vec<Verdict>,
}

#[derive(Debug, thiserror::Error)]
#[error("the time is up")]
struct TimeUp;

impl VoteSource for Timed<'_> {
    type Error = TimeUp;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, TimeUp> {
        self.left = self.left.checked_sub(1).ok_or(TimeUp)?;
        let Ok(votes) = self.votes.votes(stage, draws);
        Ok(votes)
    }

    fn is_time_up(&self, TimeUp: &TimeUp) -> bool {
        true
    }

    fn judged(&mut self, so_far: &Verdict) {
        self.told.push(so_far.clone());
    }
}

fn protocol() -> Protocol {
    let schedule = Schedule { first: 20, growth: 1.3, last: 0.3 };
    let sequential = Sequential { schedule, ..Sequential::new(Stopping::Full) };
    let alpha = Alpha::new(0.05).unwrap();
    Protocol {
        n0: 40,
        n: 400,
        alpha,
        sampling: Sampling::Sequential(sequential),
        ..Protocol::default()
    }
}

/// The certificate after `left` requests, and what was told on the way; `None` where nothing was
/// chosen yet.
fn after(
    problem: &Problem,
    method: Method,
    seed: u64,
    left: usize,
) -> Option<(Certificate, Vec<Verdict>)> {
    let (pool, provenance) = stated(problem);
    let mut source = Timed { votes: Sampled { problem, seed }, left, told: Vec::new() };
    match certify(&pool, method, &protocol(), Some(provenance), &mut source) {
        Ok(certificate) => Some((certificate, source.told)),
        Err(CertifyError::Votes(TimeUp)) => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn no_moment_to_stop_claims_too_much_more_often_than_alpha_allows() {
    for method in METHODS {
        let (mut certified, mut wrong) = (0u64, 0u64);
        for seed in 0..600 {
            let problem = Problem::random(seed % 300);
            let Some((_, told)) = after(&problem, method, seed, usize::MAX) else {
                panic!("it had all the time")
            };
            // Whoever stops an answer may have looked at it: all of them must hold together.
            let claims: Vec<(usize, f64)> = told
                .iter()
                .filter_map(|so_far| Some((so_far.class?, so_far.radius.get())))
                .collect();
            let Some(&(last, _)) = claims.last() else { continue };
            certified += 1;
            let is_wrong = |class: usize| {
                let of_class = claims.iter().filter(|(other, _)| *other == class);
                let most = of_class.map(|(_, radius)| *radius).fold(0.0, f64::max);
                let answer = |x: &[f64]| problem.answer(method, x);
                most > 0.0 && problem.counter_example(most, class, answer).is_some()
            };
            let others = claims.iter().map(|(class, _)| *class).filter(|class| *class != last);
            wrong += u64::from(std::iter::once(last).chain(others).any(is_wrong));
        }
        assert!(certified > 120, "{method:?}: only {certified} certified");
        let allowed = Binomial::new(0.05, certified).unwrap().inverse_cdf(0.9999);
        assert!(wrong <= allowed, "{method:?}: {wrong} of {certified} wrong, {allowed} expected");
    }
}

/// The same where it is tight: one expert, whose probability is known, so any claim beyond its radius
/// is a mistake, however small.
#[test]
fn all_looks_together_spend_alpha_once() {
    let problem = (0..).map(Problem::random).find(|problem| {
        let p = problem.experts[0].probabilities(&problem.x);
        p.iter().any(|p| (0.7..0.8).contains(p))
    });
    let problem = problem.unwrap();
    let p = problem.experts[0].probabilities(&problem.x);
    let trials = 3000;
    let mut wrong = 0;
    for seed in 0..trials {
        let (_, told) = after(&problem, Method::One(0), seed, usize::MAX).unwrap();
        let claims = told.iter().filter_map(|so_far| Some((so_far.class?, so_far.radius.get())));
        let radius = |class: usize| problem.experts[0].sigma * phi_inverse(p[class]);
        wrong += u64::from(claims.into_iter().any(|(class, claim)| claim > radius(class)));
    }
    let allowed = Binomial::new(0.05, trials).unwrap().inverse_cdf(0.9999);
    assert!(wrong <= allowed, "{wrong} of {trials} wrong at some look, {allowed} expected");
    assert!(wrong > 0, "the looks spend nothing");
}

#[test]
fn a_record_says_that_it_was_cut_and_follows_from_its_votes() {
    let (mut cut, mut answered) = (0, 0);
    for (seed, method) in (0..20).flat_map(|seed| METHODS.map(|method| (seed, method))) {
        let problem = Problem::random(seed);
        let (whole, all) = after(&problem, method, seed, usize::MAX).unwrap();
        assert!(!whole.cut && !serde_json::to_string(&whole).unwrap().contains("\"cut\""));
        for left in 0..12 {
            let Some((record, told)) = after(&problem, method, seed, left) else { continue };
            assert_eq!(told, all[..told.len()], "{method:?}: more time changes nothing before");
            if let Some(last) = told.last() {
                assert_eq!(record.verdict, *last, "{seed} {method:?} {left}");
            }
            assert_eq!(record.cut, record != whole, "{seed} {method:?} {left}");
            verify(&record).unwrap_or_else(|rejection| panic!("{seed} {method:?}: {rejection}"));
            cut += usize::from(record.cut);
            answered += usize::from(record.cut && record.verdict.class.is_some());
            // Neither may be told of the other.
            let other = Certificate { cut: !record.cut, ..record };
            assert!(verify(&other).is_err(), "{seed} {method:?} {left}");
        }
    }
    assert!(cut > 300 && answered > 100, "{cut} cut, {answered} of them with a class");
}
