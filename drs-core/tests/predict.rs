//! PREDICT against exact truth: does it answer for the classifier that the method certifies?

mod common;

use common::{Bands, METHODS, Problem, Sampled};
use drs_core::certify::Prediction;
use drs_core::pool::Phase;
use drs_core::protocol::{Method, Protocol};
use drs_core::rule::Term;
use drs_core::units::Alpha;
use drs_core::{certify, predict};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use statrs::distribution::{Binomial, DiscreteCDF as _};

fn protocol(n: u64, alpha: f64) -> Protocol {
    Protocol { n0: 50, n, alpha: Alpha::new(alpha).unwrap(), ..Protocol::default() }
}

fn run(problem: &Problem, method: Method, protocol: &Protocol, seed: u64) -> Prediction {
    predict(&problem.pool(), method, protocol, &mut Sampled { problem, seed }).unwrap()
}

/// The most errors of probability `p` to be expected in so many trials.
fn allowed(trials: u64, p: f64) -> u64 {
    Binomial::new(p, trials).unwrap().inverse_cdf(0.9999)
}

fn at(problem: &Problem, x: &[f64]) -> Problem {
    Problem { x: x.to_vec(), ..problem.clone() }
}

/// The problem moved close to where the method's classifier changes its answer, if that is
/// found: where errors are likeliest.
fn at_the_edge(problem: &Problem, method: Method, rng: &mut StdRng) -> Option<Problem> {
    let answer = |x: &[f64]| problem.answer(method, x);
    let own = answer(&problem.x);
    let far = |rng: &mut StdRng| {
        problem.x.iter().map(|x| x + rng.random_range(-1.5..1.5)).collect::<Vec<f64>>()
    };
    let other = (0..20).map(|_| far(rng)).find(|x| answer(x) != own)?;
    let between = |share: f64| {
        let pairs = problem.x.iter().zip(&other);
        pairs.map(|(a, b)| a + share * (b - a)).collect::<Vec<f64>>()
    };
    let (mut inside, mut outside) = (0.0, 1.0);
    for _ in 0..30 {
        let middle = (inside + outside) / 2.0;
        if answer(&between(middle)) == own { inside = middle } else { outside = middle }
    }
    let beside = rng.random_range(-0.004..0.004);
    Some(at(problem, &between(inside + beside)))
}

/// Trials, answers and wrong answers at the edge.
fn errors(method: Method, alpha: f64, seeds: u64) -> (u64, u64, u64) {
    let (mut trials, mut answered, mut wrong) = (0, 0, 0);
    for seed in 0..seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let Some(problem) = at_the_edge(&Problem::random(seed), method, &mut rng) else {
            continue;
        };
        trials += 1;
        if let Some(class) = run(&problem, method, &protocol(150, alpha), seed).class {
            answered += 1;
            wrong += u64::from(class != problem.answer(method, &problem.x));
        }
    }
    (trials, answered, wrong)
}

#[test]
fn predictions_are_wrong_at_most_as_often_as_alpha_allows() {
    const ALPHA: f64 = 0.03;
    for method in METHODS {
        let (trials, answered, wrong) = errors(method, ALPHA, 4000);
        assert!(trials > 600 && answered > 5, "{method:?}: {answered} of {trials} answered");
        let most = allowed(trials, ALPHA);
        assert!(wrong <= most, "{method:?}: {wrong} of {trials} wrong, at most {most} expected");
        // The same inputs find what does not keep to its level.
        let (trials, _, wrong) = errors(method, 0.9, 4000);
        assert!(wrong > allowed(trials, ALPHA), "{method:?}: {wrong} of {trials} wrong at 0.9");
    }
}

/// A point within `radius` where the hard route does not answer with `class`, if one is found
/// quickly; else any.
fn within(problem: &Problem, radius: f64, class: usize, rng: &mut StdRng) -> Vec<f64> {
    let models: Vec<Vec<f64>> =
        problem.experts.iter().chain([&problem.router]).map(|b| b.direction.clone()).collect();
    let mut any = problem.x.clone();
    for attempt in 0..40 {
        let direction: Vec<f64> = match models.get(attempt / 2) {
            Some(direction) if attempt % 2 == 0 => direction.clone(),
            Some(direction) => direction.iter().map(|w| -w).collect(),
            None => problem.x.iter().map(|_| rng.random_range(-1.0..1.0)).collect(),
        };
        let length = direction.iter().map(|w| w * w).sum::<f64>().sqrt().max(1e-9);
        let distance = radius * rng.random_range(0.3..0.999);
        let pairs = problem.x.iter().zip(&direction);
        any = pairs.map(|(x, w)| x + distance * w / length).collect();
        if problem.routed(&any) != class {
            break;
        }
    }
    any
}

/// Of so many points within a certified radius, how many are predicted as another class when
/// `predicted` tells by which method, and how many are answered at all.
fn disagreements(method: Method, pairs: u64, predicted: impl Fn(Method) -> Method) -> (u64, u64) {
    let protocol = protocol(600, 0.01);
    let (mut found, mut answered, mut differ) = (0, 0, 0);
    for seed in 0.. {
        let problem = if seed % 2 == 0 { Problem::random(seed) } else { Problem::torn(seed) };
        let mut source = Sampled { problem: &problem, seed };
        let certificate = certify(&problem.pool(), method, &protocol, None, &mut source).unwrap();
        let Some(class) = certificate.verdict.class else { continue };
        let mut rng = StdRng::seed_from_u64(seed);
        let radius = certificate.verdict.radius.get().min(5.0);
        let near = at(&problem, &within(&problem, radius, class, &mut rng));
        let prediction = run(&near, predicted(method), &protocol, seed + 1_000_000);
        answered += u64::from(prediction.class.is_some());
        differ += u64::from(prediction.class.is_some_and(|other| other != class));
        found += 1;
        if found == pairs {
            break;
        }
    }
    (differ, answered)
}

#[test]
fn certificates_and_predictions_within_their_radius_agree() {
    const PAIRS: u64 = 2000;
    // Each of the two may be wrong with probability 0.01.
    let most = allowed(PAIRS, 0.02);
    for method in METHODS {
        let (differ, answered) = disagreements(method, PAIRS, |method| method);
        assert!(answered > PAIRS / 4, "{method:?}: only {answered} of {PAIRS} answered");
        assert!(differ <= most, "{method:?}: {differ} of {PAIRS} pairs disagree, {most} allowed");
        // The hard route is the classifier of `dual` and `set`, and of no other method.
        let (differ, _) = disagreements(method, PAIRS, |_| Method::Dual);
        let same = matches!(method, Method::Dual | Method::Set);
        assert!(same == (differ <= most), "{method:?}: {differ} of {PAIRS} by the hard route");
    }
}

#[test]
fn what_is_certified_comfortably_is_answered() {
    for method in METHODS {
        let (mut comfortable, mut answered) = (0, 0);
        for seed in 0..400 {
            let problem = Problem::random(seed);
            let mut source = Sampled { problem: &problem, seed };
            let protocol = protocol(400, 0.01);
            let verdict =
                certify(&problem.pool(), method, &protocol, None, &mut source).unwrap().verdict;
            if verdict.radius.get() > 0.05 {
                comfortable += 1;
                let prediction = run(&problem, method, &protocol, seed);
                answered += u64::from(prediction.class == verdict.class);
            }
        }
        assert!(comfortable > 60, "{method:?}: {comfortable}");
        assert!(
            answered * 100 >= comfortable * 98,
            "{method:?}: {answered} of {comfortable} answered"
        );
    }
}

/// Bands along the first axis of one dimension.
fn bands(sigma: f64, thresholds: &[f64], answers: &[usize], classes: usize) -> Bands {
    let (thresholds, answers) = (thresholds.to_vec(), answers.to_vec());
    Bands { sigma, direction: vec![1.0], thresholds, answers, classes }
}

/// The router cannot tell two experts apart, which agree.
fn undecided_route() -> Problem {
    Problem {
        router: bands(1.0, &[0.0], &[0, 1], 2),
        experts: vec![bands(0.25, &[-1.0], &[0, 1], 2), bands(0.5, &[-2.0], &[0, 1], 2)],
        x: vec![0.0],
        classes: 2,
        blend: vec![Term { weights: vec![1, 1], offset: 0.0, cap: None, route: None }],
    }
}

#[test]
fn experts_that_agree_answer_without_a_route() {
    let problem = undecided_route();
    let answer = |method| run(&problem, method, &protocol(300, 0.001), 7);
    let dual = answer(Method::Dual);
    assert_eq!((dual.class, dual.expert, dual.stages.len()), (None, None, 1));
    for method in [Method::Set, Method::MaxMin, Method::Blend] {
        let found = answer(method);
        assert_eq!(found.class, Some(1), "{method:?}");
        assert_eq!(found.stages.iter().filter(|stage| stage.model != "router").count(), 2);
    }
}

#[test]
fn a_prediction_names_its_method_and_asks_no_more_than_it_needs() {
    // The router is sure, and so is the expert that it likes.
    let mut problem = undecided_route();
    problem.x = vec![4.0];
    for (method, name, models) in [
        (Method::One(0), "one:e0", vec!["e0"]),
        (Method::Dual, "dual", vec!["router", "e1"]),
        (Method::Set, "set", vec!["router", "e1"]),
        (Method::MaxMin, "maxmin", vec!["router", "e1"]),
        (Method::Blend, "blend", vec!["e0", "e1"]),
        (Method::Multiscale, "multiscale", vec!["e1"]),
    ] {
        let found = run(&problem, method, &protocol(300, 0.001), 1);
        assert_eq!((found.method.as_str(), found.class), (name, Some(1)));
        let asked: Vec<&str> = found.stages.iter().map(|stage| stage.model.as_str()).collect();
        assert_eq!(asked, models, "{name}");
        let all = |stage: &drs_core::certificate::StageRecord| {
            stage.phase == Phase::Prediction && stage.draws() == 300
        };
        assert!(found.stages.iter().all(all), "{name}");
    }
}

#[test]
fn a_scale_that_may_have_answered_alike_does_not_keep_the_cascade_from_answering() {
    // At x the far scale gives class 1 just ½, the near one is sure of it.
    let mut problem = undecided_route();
    problem.experts[1] = bands(0.5, &[0.0, 0.05], &[0, 1, 1], 3);
    problem.experts[0] = bands(0.25, &[-1.0], &[0, 1], 3);
    problem.classes = 3;
    // Class 0 is to be below ½ for sure: a third class takes a part of it.
    problem.experts[1].thresholds = vec![-0.5, 0.0];
    problem.experts[1].answers = vec![2, 0, 1];
    let found = run(&problem, Method::Multiscale, &protocol(400, 0.01), 3);
    assert_eq!((found.class, found.stages.len()), (Some(1), 2));
    // Where the near scale is sure of another class, it depends on the far one.
    problem.experts[0].answers = vec![1, 0];
    let found = run(&problem, Method::Multiscale, &protocol(400, 0.01), 3);
    assert_eq!((found.class, found.stages.len()), (None, 2));
}
