//! Certificates of inputs on the lattice and off it, attacked by real-valued perturbations.
//!
//! Base classifiers cut an integer score of the lattice point that they see into bands. Votes
//! are drawn by the real sampler; what a smoothed classifier answers at any real point is
//! summed exactly, from the distribution of the rounded noise.

mod common;

use std::convert::Infallible;
use std::ops::Range;

use common::{Bands, METHODS, Problem, Truth, phi};
use drs_core::certify;
use drs_core::lattice::{Digest, LatticeInput, Quantum, Shape};
use drs_core::noise::{NoiseStream, NoiseTable, Seed};
use drs_core::pool::{Role, Stage};
use drs_core::protocol::Protocol;
use drs_core::rule::Term;
use drs_core::source::VoteSource;
use drs_core::units::{Alpha, Sigma};
use drs_core::votes::VoteCounts;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Where the input is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    /// After the noise, as drs does.
    After,
    /// Before it: what answers for another point.
    Before,
}

/// Models whose score is the sum of the first half of the values times one weight plus that
/// of the second half times another, in steps of the lattice.
struct World {
    problem: Problem,
    /// Of the router, then of the experts.
    weights: Vec<[i32; 2]>,
    quantum: Quantum,
    /// Values in each half; the second may be empty.
    halves: [usize; 2],
    /// The value of each half's inputs.
    x: [f64; 2],
    rounding: Rounding,
}

impl World {
    fn random(seed: u64, dimensions: usize, on_lattice: bool, rounding: Rounding) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let quantum: Quantum = if dimensions > 100 { "1/4" } else { "1/8" }.parse().unwrap();
        let levels = f64::from(quantum.levels());
        let halves = [dimensions.div_ceil(2), dimensions / 2];
        let mut value = || {
            let steps = levels * rng.random_range(0.3..0.7);
            // Off the lattice: near the place where rounding turns to the next point.
            if on_lattice { steps.round() / levels } else { (steps.floor() + 0.499) / levels }
        };
        let x = [value(), value()];
        let mut weights = Vec::new();
        let mut bands = |sigma: f64, classes: usize| {
            let own = [[1, 1], [1, -1], [1, 0], [2, 1]][rng.random_range(0..4usize)];
            // The score at the input and its deviation under noise, in steps.
            let score: f64 = (0..2)
                .map(|half| f64::from(own[half]) * halves[half] as f64 * x[half] * levels)
                .sum();
            let length: f64 = (0..2)
                .map(|half| f64::from(own[half] * own[half]) * halves[half] as f64)
                .sum::<f64>()
                .sqrt();
            let cuts = rng.random_range(1..=2usize);
            let mut thresholds: Vec<f64> = (0..cuts)
                .map(|_| {
                    let away = rng.random_range(-1.2..1.2) * sigma * levels * length;
                    (score + away).floor() + 0.5
                })
                .collect();
            thresholds.sort_by(f64::total_cmp);
            let first = rng.random_range(0..classes);
            let answers = (0..=cuts).map(|band| (first + band) % classes).collect();
            weights.push(own);
            Bands { sigma, direction: Vec::new(), thresholds, answers, classes }
        };
        let router = bands(1.0, 2);
        let experts = vec![bands(0.25, 2), bands(1.0, 2)];
        let term = |weights: [u32; 2], cap, route| Term {
            weights: weights.to_vec(),
            offset: 0.0,
            cap,
            route,
        };
        let blend = vec![
            term([0, 1], None, None),
            term([2, 1], Some(0.05), None),
            term([1, 0], Some(0.0), Some(vec![0])),
        ];
        let problem = Problem { router, experts, x: Vec::new(), classes: 2, blend };
        Self { problem, weights, quantum, halves, x, rounding }
    }

    fn bands(&self, role: Role) -> (&Bands, [i32; 2]) {
        match role {
            Role::Router => (&self.problem.router, self.weights[0]),
            Role::Expert(index) => (&self.problem.experts[index], self.weights[index + 1]),
        }
    }

    fn input(&self) -> LatticeInput {
        let [first, second] = self.halves;
        let shape = Shape::new([1, 1, first + second]).unwrap();
        let levels = f64::from(self.quantum.levels());
        let mut x = [vec![self.x[0]; first], vec![self.x[1]; second]].concat();
        if self.rounding == Rounding::Before {
            x.iter_mut().for_each(|value| *value = (*value * levels).round() / levels);
        }
        LatticeInput::from_reals(shape, self.quantum, x).unwrap()
    }

    /// What each model answers at the point with these values, exactly.
    fn truth(&self, x: [f64; 2]) -> Truth {
        let levels = f64::from(self.quantum.levels());
        let x = match self.rounding {
            Rounding::After => x,
            Rounding::Before => x.map(|value| (value * levels).round() / levels),
        };
        let of = |role| {
            let (bands, weights) = self.bands(role);
            let ratio = bands.sigma * levels;
            let sum = |half: usize| Sum::of(x[half] * levels, ratio, self.halves[half]);
            let [first, second] = [sum(0), sum(1)];
            let mut probabilities = vec![0.0; bands.classes];
            for (a, p) in first.values() {
                for (b, q) in second.values() {
                    let score = f64::from(weights[0]) * a + f64::from(weights[1]) * b;
                    probabilities[bands.answer(score)] += p * q;
                }
            }
            probabilities
        };
        let experts = (0..self.problem.experts.len()).map(|index| of(Role::Expert(index)));
        Truth { router: of(Role::Router), experts: experts.collect() }
    }

    /// Points closer than `radius` to the input, by the values of both halves.
    fn closer_than(&self, radius: f64) -> Vec<[f64; 2]> {
        let levels = f64::from(self.quantum.levels());
        let counts = self.halves.map(|count| count as f64);
        let length =
            |d: [f64; 2]| (0..2).map(|half| counts[half] * d[half] * d[half]).sum::<f64>().sqrt();
        let mut moves = Vec::new();
        // Along each model's weights and across.
        for direction in [[1.0, 1.0], [1.0, -1.0], [1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [1.0, -2.0]]
        {
            let whole = length(direction);
            if whole > 0.0 {
                for step in [-8.0, -4.0, -1.0, 1.0, 4.0, 8.0] {
                    moves.push(
                        direction.map(|d: f64| d / whole * radius * (1.0 - 1e-9) * step / 8.0),
                    );
                }
            }
        }
        // Just over the places where a value is rounded to another lattice point.
        let over = |value: f64, up: bool| {
            let half =
                if up { (value * levels - 0.5).ceil() } else { (value * levels - 0.5).floor() }
                    + 0.5;
            half / levels - value + if up { 1e-6 } else { -1e-6 }
        };
        for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
            let both = [over(self.x[0], first), over(self.x[1], second)];
            moves.extend([both, [both[0], 0.0], [0.0, both[1]]]);
        }
        moves.retain(|&d| length(d) < radius);
        moves.into_iter().map(|d| [self.x[0] + d[0], self.x[1] + d[1]]).collect()
    }
}

/// The sum of independent values of round(k + φ + noise), as a distribution on whole numbers.
struct Sum {
    lowest: f64,
    mass: Vec<f64>,
}

impl Sum {
    fn of(steps: f64, ratio: f64, count: usize) -> Self {
        let reach = (9.5 * ratio).ceil() + 1.0;
        let lowest = steps.floor() - reach;
        let cdf = |j: f64| phi((j + 0.5 - steps) / ratio);
        let support = 0..=(2.0 * reach) as u32 + 1;
        let mass = support.map(|j| lowest + f64::from(j)).map(|j| cdf(j) - cdf(j - 1.0));
        let mut power = Self { lowest, mass: mass.collect() }.trimmed();
        let mut sum = Self { lowest: 0.0, mass: vec![1.0] };
        let mut left = count;
        while left > 0 {
            if left % 2 == 1 {
                sum = sum.plus(&power);
            }
            left /= 2;
            if left > 0 {
                power = power.plus(&power);
            }
        }
        sum
    }

    fn plus(&self, other: &Self) -> Self {
        let mut mass = vec![0.0; self.mass.len() + other.mass.len() - 1];
        for (i, p) in self.mass.iter().enumerate() {
            for (sum, q) in mass[i..].iter_mut().zip(&other.mass) {
                *sum += p * q;
            }
        }
        Self { lowest: self.lowest + other.lowest, mass }.trimmed()
    }

    /// Without ends that weigh nothing.
    fn trimmed(self) -> Self {
        let counts = |p: &f64| *p > 1e-13;
        let first = self.mass.iter().position(counts).unwrap_or(0);
        let last = self.mass.iter().rposition(counts).unwrap_or(first);
        Self { lowest: self.lowest + first as f64, mass: self.mass[first..=last].to_vec() }
    }

    fn values(&self) -> impl Iterator<Item = (f64, f64)> {
        self.mass.iter().enumerate().map(|(i, &p)| (self.lowest + i as f64, p))
    }
}

/// Votes on noisy copies, drawn as the engine draws them.
struct Drawn<'a> {
    world: &'a World,
    input: LatticeInput,
    digest: Digest,
    seed: Seed,
}

impl VoteSource for Drawn<'_> {
    type Error = Infallible;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, Infallible> {
        let (bands, weights) = self.world.bands(stage.role);
        let table = NoiseTable::new(Sigma::new(bands.sigma).unwrap(), self.world.quantum).unwrap();
        let address = self.world.problem.pool().address(stage);
        let stream = NoiseStream::new(self.seed, self.digest, &address);
        let mut noisy = vec![0; self.input.values().len()];
        let mut scratch = Vec::new();
        let mut counts = vec![0; bands.classes];
        for draw in draws {
            stream.noisy_copy(&table, draw, &self.input, &mut noisy, &mut scratch);
            let (first, second) = noisy.split_at(self.world.halves[0]);
            let sum = |values: &[i16]| values.iter().map(|&value| i32::from(value)).sum::<i32>();
            let score = weights[0] * sum(first) + weights[1] * sum(second);
            counts[bands.answer(f64::from(score))] += 1;
        }
        Ok(VoteCounts::new(counts).unwrap())
    }
}

/// Certifies inputs by every method and counts the certificates, and those of which a
/// point inside the radius has another answer.
fn attack(dimensions: usize, on_lattice: bool, rounding: Rounding, worlds: u64) -> (u32, u32) {
    let (mut certified, mut broken) = (0, 0);
    for seed in 0..worlds {
        let world = World::random(seed, dimensions, on_lattice, rounding);
        let input = world.input();
        let digest = input.digest();
        for method in METHODS {
            let alpha = Alpha::new(0.001).unwrap();
            let protocol = Protocol { n0: 50, n: 600, alpha, ..Protocol::default() };
            let seed = Seed::from_number(seed);
            let mut source = Drawn { world: &world, input: input.clone(), digest, seed };
            let pool = world.problem.pool();
            let verdict = certify(&pool, method, &protocol, None, &mut source).unwrap().verdict;
            let Some(class) = verdict.class else { continue };
            certified += 1;
            let points = world.closer_than(verdict.radius.get());
            let other = |&x: &[f64; 2]| world.problem.decide(method, &world.truth(x)) != class;
            broken += u32::from(points.iter().any(other));
        }
    }
    (certified, broken)
}

#[test]
fn no_real_perturbation_inside_the_radius_changes_the_answer() {
    for (dimensions, worlds) in [(1, 40), (2, 40), (17, 20), (768, 6)] {
        for on_lattice in [true, false] {
            let (certified, broken) = attack(dimensions, on_lattice, Rounding::After, worlds);
            let what = format!("{dimensions} values, on the lattice: {on_lattice}");
            assert!(u64::from(certified) > worlds, "{what}: only {certified} certified");
            assert_eq!(broken, 0, "{what}: of {certified}");
        }
    }
}

#[test]
fn rounding_before_the_noise_is_found_out() {
    for (dimensions, worlds) in [(1, 20), (17, 10), (768, 3)] {
        let (certified, broken) = attack(dimensions, false, Rounding::Before, worlds);
        assert!(broken > 0, "{dimensions} values: none of {certified}");
    }
}
