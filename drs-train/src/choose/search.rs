//! A local search over terms.

use drs_core::rule::Term;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::held_out::HeldOut;
use crate::images::random;

/// Terms at the most.
const MOST: usize = 6;
/// What a term must be worth.
const PRICE: f64 = 2e-4;

/// The best terms found, and their merit.
pub(super) fn search(
    held_out: &HeldOut,
    radii: &[f64],
    start: Vec<Term>,
    merit: &dyn Fn(&[f64]) -> f64,
    tries: usize,
    seed: u64,
) -> (f64, Vec<Term>) {
    let experts = held_out.experts.len();
    let price = |terms: &[Term]| PRICE * terms.len() as f64;
    let judge = |terms: &[Term]| merit(&held_out.accuracies(terms, radii)) - price(terms);
    let mut best: Option<(f64, Vec<Term>)> = None;
    for terms in starts(experts).into_iter().chain((!start.is_empty()).then_some(start)) {
        let found = judge(&terms);
        if best.as_ref().is_none_or(|(best, _)| found > *best) {
            best = Some((found, terms));
        }
    }
    let (mut value, mut terms) = best.unwrap_or((f64::NEG_INFINITY, Vec::new()));
    let mut random = random(seed, 0, 0);
    for _ in 0..tries {
        let mut changed = terms.clone();
        for _ in 0..random.random_range(1..=3) {
            change(&mut changed, experts, &mut random);
        }
        if changed.iter().any(|term| term.validate(experts).is_err()) {
            continue;
        }
        let found = judge(&changed);
        if found >= value {
            (value, terms) = (found, changed);
        }
    }
    (value + price(&terms), terms)
}

/// What is known to be good, experts in the order of the pool: nearest first.
fn starts(experts: usize) -> Vec<Vec<Term>> {
    let only = |expert: usize| (0..experts).map(|other| u32::from(other == expert)).collect();
    let term = |weights: Vec<u32>, cap, route| Term { weights, offset: 0.0, cap, route };
    let last = experts - 1;
    let nearer: Vec<u32> = (0..experts).map(|expert| u32::from(expert < last)).collect();
    let mut without = vec![term(only(last), None, None)];
    if experts > 1 {
        without.push(term(nearer, Some(0.0), None));
    }
    let mut with = without.clone();
    with.extend((0..last).map(|expert| term(only(expert), None, Some(vec![expert]))));
    let singles = (0..experts).map(|e| term(only(e), None, Some(vec![e]))).collect();
    vec![without, with, singles]
}

fn change(terms: &mut Vec<Term>, experts: usize, random: &mut chacha20::ChaCha8Rng) {
    let hundredths = |value: f64| (value * 100.0).round() / 100.0;
    let place = random.random_range(0..terms.len());
    match random.random_range(0..8) {
        0 if terms.len() < MOST => {
            let copy = terms[place].clone();
            terms.push(copy);
        }
        1 if terms.len() > 1 => {
            terms.remove(place);
        }
        2 | 3 => {
            let weight = &mut terms[place].weights[random.random_range(0..experts)];
            let up = random.random::<bool>();
            *weight = if up { (*weight + 1).min(4) } else { weight.saturating_sub(1) };
        }
        4 => {
            let step = *[-0.1, -0.03, 0.03, 0.1].choose(random).unwrap_or(&0.03);
            terms[place].offset = hundredths((terms[place].offset + step).clamp(0.0, 1.0));
        }
        5 | 6 => {
            let step = *[-0.2, -0.05, 0.05, 0.2].choose(random).unwrap_or(&0.05);
            terms[place].cap = match terms[place].cap {
                Some(_) if random.random_ratio(1, 8) => None,
                cap => Some(hundredths((cap.unwrap_or(0.0) + step).clamp(-0.5, 2.0))),
            };
        }
        _ => {
            let set: Vec<usize> = (0..experts).filter(|_| random.random::<bool>()).collect();
            let proper = (1..experts).contains(&set.len());
            terms[place].route = proper.then_some(set);
        }
    }
}
