//! Group-sequential designs, exactly: the probability that the bound of *any*
//! look over-claims, by summing over all paths of the counts, without a draw.
//!
//! That is the chance of a wrong bound under the most adverse stopping rule: one
//! that knows p and stops when the bound is wrong.

use drs_core::bounds::lower;
use drs_core::design::{Design, Look, Schedule};
use drs_core::sampling::{Sequential, Stopping, USUAL_RADII};
use drs_core::units::Alpha;
use statrs::distribution::{Binomial, ContinuousCDF as _, Discrete as _, Normal};

/// Probability of counts that are left out of a distribution at each step;
/// counted as over-claims.
const DUST: f64 = 1e-18;

/// Consecutive counts with their probabilities.
struct Counts {
    first: u64,
    probability: Vec<f64>,
}

impl Counts {
    /// Binomial(`trials`, `p`) without its far tails.
    fn binomial(trials: u64, p: f64) -> Self {
        let binomial = Binomial::new(p, trials).unwrap();
        let mode = ((trials + 1) as f64 * p).floor() as u64;
        let kept = |k: &u64| binomial.pmf(*k) > DUST;
        let first = (0..=mode.min(trials)).rev().take_while(kept).last().unwrap_or(mode);
        let last = (mode..=trials).take_while(kept).last().unwrap_or(mode.min(trials));
        Self { first, probability: (first..=last).map(|k| binomial.pmf(k)).collect() }
    }

    /// The sum of two independent counts.
    fn plus(&self, other: &Self) -> Self {
        let mut sum = vec![0.0; self.probability.len() + other.probability.len() - 1];
        for (i, a) in self.probability.iter().enumerate().filter(|(_, a)| **a > DUST) {
            for (sum, b) in sum[i..].iter_mut().zip(&other.probability) {
                *sum += a * b;
            }
        }
        Self { first: self.first + other.first, probability: sum }
    }

    /// Leaves only counts below `limit`.
    fn below(mut self, limit: u64) -> Self {
        let kept = limit.saturating_sub(self.first).min(self.probability.len() as u64);
        self.probability.truncate(kept as usize);
        self
    }

    fn mass(&self) -> f64 {
        self.probability.iter().sum()
    }
}

/// The smallest count at which the look claims more than `p`.
fn limit(look: &Look, level: Alpha, p: f64) -> u64 {
    let claims = |k: u64| lower(k, look.draws, level).unwrap() > p;
    let (mut low, mut high) = (0, look.draws + 1);
    while low < high {
        let middle = low.midpoint(high);
        if claims(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// P(the lower bound of any look exceeds `p`), rounded up.
fn over_claims(looks: &[Look], alpha: Alpha, p: f64, level: impl Fn(&Look, Alpha) -> Alpha) -> f64 {
    let mut paths = Counts { first: 0, probability: vec![1.0] };
    let mut before = 0;
    for look in looks {
        let fresh = Counts::binomial(look.draws - before, p);
        paths = paths.plus(&fresh).below(limit(look, level(look, alpha), p));
        before = look.draws;
    }
    1.0 - paths.mass()
}

fn spent(look: &Look, alpha: Alpha) -> Alpha {
    look.level(alpha).unwrap()
}

/// The designs that a user gets without asking, and others that may be asked for.
fn designs() -> Vec<(String, Design)> {
    let default = Schedule::default();
    let schedules = [
        default,
        Schedule { last: 0.5, ..default },
        Schedule { growth: 2.0, ..default },
        Schedule { first: 10, growth: 1.1, last: 0.2 },
    ];
    let mut designs = vec![("fixed".to_owned(), Design::fixed(10_000))];
    for n in [1_000, 10_000] {
        for schedule in &schedules {
            designs.push((format!("{n} {schedule:?}"), Design::sequential(n, schedule)));
        }
    }
    // The looks of a question about one radius, which begin early.
    let one = Schedule::one_radius();
    assert_eq!(one, Sequential::new(Stopping::Radii(vec![0.5])).schedule);
    for n in [100, 1_000, 10_000] {
        designs.push((format!("one radius, {n}"), Design::sequential(n, &one)));
    }
    designs.push(("100,000".to_owned(), Design::sequential(100_000, &default)));
    designs.push(("one radius, 100,000".to_owned(), Design::sequential(100_000, &one)));
    designs
}

/// Φ(r/σ) for the usual radii and noise levels, a little to either side, and
/// the mirror images that upper bounds see.
fn thresholds() -> Vec<f64> {
    let mut p = Vec::new();
    for sigma in [0.25, 0.5, 1.0] {
        for radius in USUAL_RADII {
            let at = Normal::standard().cdf(radius / sigma);
            p.extend([at * (1.0 - 1e-6), at + (1.0 - at) * 1e-6, 1.0 - at]);
        }
    }
    p.retain(|p| (1e-6..1.0 - 1e-6).contains(p));
    p.sort_by(f64::total_cmp);
    p.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    p
}

#[test]
fn no_shipped_design_over_claims_more_often_than_alpha() {
    let alpha = Alpha::new(0.001).unwrap();
    let (mut largest, mut checked) = (0.0f64, 0);
    for (name, design) in designs() {
        // The larger design costs more to sum; its thresholds are thinned.
        let every = if design.looks().last().unwrap().draws > 10_000 { 7 } else { 1 };
        for p in thresholds().into_iter().step_by(every) {
            let wrong = over_claims(design.looks(), alpha, p, spent);
            assert!(wrong <= alpha.get() * (1.0 + 1e-6), "{name}, p = {p}: {wrong}");
            largest = largest.max(wrong / alpha.get());
            checked += 1;
        }
    }
    println!("{checked} cases; at most {largest:.3} of alpha is used");
    assert!(checked > 300 && largest > 0.5);
}

#[test]
fn exact_coverage_also_holds_just_beside_every_bound_of_a_small_design() {
    // p just below a bound is where that bound over-claims most often.
    let alpha = Alpha::new(0.05).unwrap();
    let design = Design::sequential(60, &Schedule { first: 5, growth: 1.5, last: 0.5 });
    for look in design.looks() {
        for k in 0..=look.draws {
            let bound = lower(k, look.draws, spent(look, alpha)).unwrap();
            for p in [bound - 1e-9, bound + 1e-9] {
                if (1e-6..1.0 - 1e-6).contains(&p) {
                    let wrong = over_claims(design.looks(), alpha, p, spent);
                    assert!(wrong <= 0.05 * (1.0 + 1e-6), "p = {p}: {wrong}");
                }
            }
        }
    }
}

#[test]
fn designs_that_spend_too_much_are_found_out() {
    let alpha = Alpha::new(0.001).unwrap();
    let design = Design::sequential(10_000, &Schedule::default());
    let worst = |looks: &[Look], level: fn(&Look, Alpha) -> Alpha| {
        let wrong = thresholds().into_iter().map(|p| over_claims(looks, alpha, p, level));
        wrong.fold(0.0, f64::max) / alpha.get()
    };
    // Every look spends everything: peeking without paying.
    assert!(worst(design.looks(), |_, alpha| alpha) > 2.0);
    // The shares add up to 1.6.
    let generous = |look: &Look, alpha: Alpha| {
        alpha.share((look.share * if look.draws == 10_000 { 1.0 } else { 3.4 }).min(1.0)).unwrap()
    };
    assert!(worst(design.looks(), generous) > 1.05);
    // A share counted twice: two last looks of three quarters each.
    let twice = [Look { draws: 5_000, share: 0.75 }, Look { draws: 10_000, share: 0.75 }];
    assert!(worst(&twice, spent) > 1.05);
}

#[test]
fn the_sum_over_paths_agrees_with_scipy() {
    // By SciPy 1.17.1: numpy.convolve of scipy.stats.binom.pmf, cut off where
    // scipy.stats.beta.ppf exceeds p; the default schedule at N = 10,000.
    let alpha = Alpha::new(0.001).unwrap();
    let design = Design::sequential(10_000, &Schedule::default());
    let fixtures = [(0.5, 0.82307), (0.8413, 0.81516), (0.97725, 0.80064), (0.99865, 0.70319)];
    for (p, expected) in fixtures {
        let used = over_claims(design.looks(), alpha, p * (1.0 - 1e-6), spent) / alpha.get();
        assert!((used - expected).abs() < 1e-4, "p = {p}: {used}, expected {expected}");
    }
}

#[test]
fn the_sum_over_paths_is_the_binomial_where_there_is_one_look() {
    let alpha = Alpha::new(0.01).unwrap();
    let design = Design::fixed(300);
    for p in [0.2, 0.5, 0.9, 0.99] {
        let binomial = Binomial::new(p, 300).unwrap();
        let direct: f64 =
            (0..=300).filter(|&k| lower(k, 300, alpha).unwrap() > p).map(|k| binomial.pmf(k)).sum();
        assert!((over_claims(design.looks(), alpha, p, spent) - direct).abs() < 1e-12);
    }
}
