//! Analytic problems: smoothed classifiers whose probabilities are known in
//! closed form, so that a certified radius can be attacked without a draw.

#![allow(dead_code, unreachable_pub, reason = "each test crate uses its part")]

use std::ops::Range;

use drs_core::certificate::{InputRecord, ModelRecord, Provenance};
use drs_core::lattice::{Digest, LatticeInput, Quantum, Shape};
use drs_core::noise::Seed;
use drs_core::pool::{Model, Pool, Role, Stage};
use drs_core::protocol::Method;
use drs_core::rule::Term;
use drs_core::source::VoteSource;
use drs_core::units::Sigma;
use drs_core::votes::VoteCounts;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use statrs::distribution::{ContinuousCDF as _, Normal};

/// Every method, of which one expert alone stands for all.
pub const METHODS: [Method; 6] =
    [Method::One(0), Method::Multiscale, Method::Dual, Method::Set, Method::MaxMin, Method::Blend];

/// A base classifier that cuts the line of scores w·x into bands of classes.
#[derive(Debug, Clone)]
pub struct Bands {
    pub sigma: f64,
    /// Unit vector.
    pub direction: Vec<f64>,
    pub thresholds: Vec<f64>,
    /// One more than thresholds.
    pub answers: Vec<usize>,
    pub classes: usize,
}

pub fn phi(x: f64) -> f64 {
    Normal::standard().cdf(x)
}

pub fn phi_inverse(p: f64) -> f64 {
    if p <= 0.0 {
        f64::NEG_INFINITY
    } else if p >= 1.0 {
        f64::INFINITY
    } else {
        Normal::standard().inverse_cdf(p)
    }
}

impl Bands {
    /// The answer for a score.
    pub fn answer(&self, score: f64) -> usize {
        self.answers[self.thresholds.partition_point(|&threshold| threshold <= score)]
    }

    /// P(f(x + ε) = c) for each class.
    pub fn probabilities(&self, x: &[f64]) -> Vec<f64> {
        let score: f64 = x.iter().zip(&self.direction).map(|(x, w)| x * w).sum();
        let mut below = 0.0;
        let mut probabilities = vec![0.0; self.classes];
        for (band, &answer) in self.answers.iter().enumerate() {
            let upto = match self.thresholds.get(band) {
                Some(threshold) => phi((threshold - score) / self.sigma),
                None => 1.0,
            };
            probabilities[answer] += upto - below;
            below = upto;
        }
        probabilities
    }

    fn random(rng: &mut StdRng, dimensions: usize, classes: usize, sigma: f64) -> Self {
        let mut direction: Vec<f64> =
            (0..dimensions).map(|_| rng.random_range(-1.0..1.0)).collect();
        let length = direction.iter().map(|w| w * w).sum::<f64>().sqrt().max(1e-6);
        direction.iter_mut().for_each(|w| *w /= length);
        let cuts = rng.random_range(1..=3usize);
        let mut thresholds: Vec<f64> =
            (0..cuts).map(|_| rng.random_range(-1.5..1.5) * (0.3 + sigma)).collect();
        thresholds.sort_by(f64::total_cmp);
        let answers = (0..=cuts).map(|_| rng.random_range(0..classes)).collect();
        Self { sigma, direction, thresholds, answers, classes }
    }
}

fn random_term(rng: &mut StdRng, experts: usize) -> Term {
    let mut weights: Vec<u32> = (0..experts).map(|_| rng.random_range(0..=2)).collect();
    if weights.iter().all(|&weight| weight == 0) {
        weights[rng.random_range(0..experts)] = 1;
    }
    let offset = if rng.random() { 0.0 } else { rng.random_range(0.0..0.2) };
    let cap = rng.random::<bool>().then(|| rng.random_range(-0.2..0.4));
    let members: Vec<usize> = (0..experts).filter(|_| rng.random()).collect();
    let route = (rng.random::<bool>() && !members.is_empty()).then_some(members);
    Term { weights, offset, cap, route }
}

pub fn argmax(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// What each model of a pool answers with at one point, by their probabilities.
#[derive(Debug, Clone)]
pub struct Truth {
    pub router: Vec<f64>,
    pub experts: Vec<Vec<f64>>,
}

/// A router and experts in 1 to 4 dimensions, and an input.
#[derive(Debug, Clone)]
pub struct Problem {
    pub router: Bands,
    pub experts: Vec<Bands>,
    pub x: Vec<f64>,
    pub classes: usize,
    pub blend: Vec<Term>,
}

impl Problem {
    pub fn random(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let dimensions = rng.random_range(1..=4usize);
        let classes = rng.random_range(2..=4usize);
        let sigmas = [0.25, 0.5, 1.0];
        let count = rng.random_range(2..=3usize);
        // Experts that agree at the input more often than chance would have them.
        let experts: Vec<Bands> =
            (0..count).map(|i| Bands::random(&mut rng, dimensions, classes, sigmas[i])).collect();
        let router = Bands::random(&mut rng, dimensions, count, 1.0);
        let x = (0..dimensions).map(|_| rng.random_range(-0.7..0.7)).collect();
        let blend = (0..rng.random_range(1..=4)).map(|_| random_term(&mut rng, count)).collect();
        Self { router, experts, x, classes, blend }
    }

    /// Two experts agree and have most of the router's votes together; the third one, which
    /// answers otherwise, has more votes than either of them a little way off.
    pub fn torn(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut problem = Self::random(seed);
        let direction = vec![1.0];
        let mut bands = |sigma: f64, thresholds: [f64; 2], answers: [usize; 3], classes| Bands {
            sigma,
            direction: direction.clone(),
            thresholds: thresholds.map(|at| at + rng.random_range(-0.05..0.05)).to_vec(),
            answers: answers.to_vec(),
            classes,
        };
        problem.classes = problem.classes.max(3);
        let classes = problem.classes;
        problem.router = bands(1.0, [-0.25, 0.52], [0, 1, 2], 3);
        problem.experts = vec![
            bands(0.25, [1.5, 2.0], [1, 2, 2], classes),
            bands(0.5, [-2.0, 2.5], [1, 2, 0], classes),
            bands(0.5, [-2.0, 2.5], [0, 2, 1], classes),
        ];
        problem.blend = (0..problem.blend.len()).map(|_| random_term(&mut rng, 3)).collect();
        problem.x = vec![rng.random_range(0.2..0.5)];
        problem
    }

    pub fn pool(&self) -> Pool {
        let model = |name: String, sigma: f64| Model {
            name,
            sigma: Sigma::new(sigma).unwrap(),
            distance_per_draw: 0.0,
        };
        let experts = self.experts.iter().enumerate();
        Pool {
            router: Some(model("router".into(), self.router.sigma)),
            experts: experts.map(|(i, e)| model(format!("e{i}"), e.sigma)).collect(),
            classes: self.classes,
            blend: self.blend.clone(),
        }
    }

    /// The input's score in a direction.
    pub fn score(&self, direction: &[f64]) -> f64 {
        self.x.iter().zip(direction).map(|(x, w)| x * w).sum()
    }

    pub fn bands(&self, role: Role) -> &Bands {
        match role {
            Role::Router => &self.router,
            Role::Expert(index) => &self.experts[index],
        }
    }

    /// What the models answer with at `x`.
    pub fn truth(&self, x: &[f64]) -> Truth {
        let experts = self.experts.iter().map(|expert| expert.probabilities(x)).collect();
        Truth { router: self.router.probabilities(x), experts }
    }

    /// The answer at `x` of the classifier that a method certifies; of no class if it has none.
    pub fn answer(&self, method: Method, x: &[f64]) -> usize {
        self.decide(method, &self.truth(x))
    }

    /// The same where the models are known to answer so.
    pub fn decide(&self, method: Method, truth: &Truth) -> usize {
        match method {
            Method::One(expert) => argmax(&truth.experts[expert]),
            Method::Multiscale => self.cascade_of(truth).unwrap_or(usize::MAX),
            Method::Dual | Method::Set => argmax(&truth.experts[argmax(&truth.router)]),
            Method::MaxMin => self.maxmin_of(truth),
            Method::Blend => self.blended_of(truth),
        }
    }

    /// The answer of one smoothed expert at `x`.
    pub fn one(&self, expert: usize, x: &[f64]) -> usize {
        self.answer(Method::One(expert), x)
    }

    /// The answer of the hard route at `x`.
    pub fn routed(&self, x: &[f64]) -> usize {
        self.answer(Method::Dual, x)
    }

    pub fn maxmin(&self, x: &[f64]) -> usize {
        self.answer(Method::MaxMin, x)
    }

    pub fn blended(&self, x: &[f64]) -> usize {
        self.answer(Method::Blend, x)
    }

    /// The answer of H = argmax_c max_S min(t_S, min_{i ∈ S} s_i^c), by definition.
    fn maxmin_of(&self, truth: &Truth) -> usize {
        let route = &truth.router;
        let experts = self.experts.len();
        let models = self.experts.iter().zip(&truth.experts);
        let signed: Vec<Vec<f64>> = models
            .map(|(e, probabilities)| {
                probabilities.iter().map(|&p| e.sigma * phi_inverse(p)).collect()
            })
            .collect();
        let strength = |class: usize| {
            (1..1usize << experts)
                .map(|mask| {
                    let members = || (0..experts).filter(move |i| mask >> i & 1 == 1);
                    let mass: f64 = members().map(|i| route[i]).sum();
                    let all = mask + 1 == 1 << experts;
                    let t = if all { f64::INFINITY } else { self.router.sigma * phi_inverse(mass) };
                    members().map(|i| signed[i][class]).fold(t, f64::min)
                })
                .fold(f64::NEG_INFINITY, f64::max)
        };
        argmax(&(0..self.classes).map(strength).collect::<Vec<_>>())
    }

    /// The answer of the blended rule, by definition.
    fn blended_of(&self, truth: &Truth) -> usize {
        let Truth { router: route, experts: probabilities } = truth;
        let strength = |class: usize| {
            let claim = |term: &Term| {
                let total: u32 = term.weights.iter().sum();
                let mut support = -term.offset;
                for (i, &weight) in term.weights.iter().enumerate().filter(|(_, w)| **w > 0) {
                    // Beyond eight deviations f64 knows 0 and 1 only, and ∞ − ∞ is nothing.
                    let signed = phi_inverse(probabilities[i][class]).clamp(-8.0, 8.0);
                    let signed = self.experts[i].sigma * signed;
                    support += f64::from(weight) / f64::from(total) * signed;
                }
                let t = term.route.as_ref().map(|set| {
                    self.router.sigma * phi_inverse(set.iter().map(|&i| route[i]).sum())
                });
                let limit = match (term.cap, t) {
                    (None, None) => f64::INFINITY,
                    (Some(limit), None) | (None, Some(limit)) => limit,
                    (Some(cap), Some(t)) => cap.max(t),
                };
                support.min(limit)
            };
            self.blend.iter().map(claim).fold(f64::NEG_INFINITY, f64::max)
        };
        argmax(&(0..self.classes).map(strength).collect::<Vec<_>>())
    }

    /// The answer of the cascade: the first scale, from the largest σ down, at
    /// which a class reaches ½; `None` if none does.
    fn cascade_of(&self, truth: &Truth) -> Option<usize> {
        let mut scales: Vec<(&Bands, &Vec<f64>)> =
            self.experts.iter().zip(&truth.experts).collect();
        scales.sort_by(|(a, _), (b, _)| b.sigma.total_cmp(&a.sigma));
        scales.iter().find_map(|(_, p)| {
            let top = argmax(p);
            (p[top] > 0.5).then_some(top)
        })
    }

    /// Looks for a point closer than `radius` where `answer` is not `class`:
    /// along every model's direction, pairs of them, and random ones.
    pub fn counter_example(
        &self,
        radius: f64,
        class: usize,
        answer: impl Fn(&[f64]) -> usize,
    ) -> Option<Vec<f64>> {
        let mut rng = StdRng::seed_from_u64(1);
        let own: Vec<&Vec<f64>> =
            self.experts.iter().chain([&self.router]).map(|b| &b.direction).collect();
        let mut directions: Vec<Vec<f64>> = Vec::new();
        for a in &own {
            for b in &own {
                for (u, v) in [(1.0, 0.0), (1.0, 1.0), (1.0, -1.0), (2.0, 1.0), (2.0, -1.0)] {
                    directions.push(a.iter().zip(*b).map(|(a, b)| u * a + v * b).collect());
                }
            }
        }
        directions
            .extend((0..40).map(|_| self.x.iter().map(|_| rng.random_range(-1.0..1.0)).collect()));
        for direction in directions {
            let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
            if length < 1e-9 {
                continue;
            }
            for step in -24..=24 {
                let distance = radius * (1.0 - 1e-7) * f64::from(step) / 24.0;
                let point: Vec<f64> =
                    self.x.iter().zip(&direction).map(|(x, d)| x + distance * d / length).collect();
                if answer(&point) != class {
                    return Some(point);
                }
            }
        }
        None
    }
}

/// The problem's pool on a lattice, and where its records say that they come from.
pub fn stated(problem: &Problem) -> (Pool, Provenance) {
    let (shape, quantum) = (Shape::new([1, 1, 2]).unwrap(), Quantum::EIGHT_BIT);
    let input = LatticeInput::new(shape, quantum, vec![1, 2]).unwrap();
    let pool = problem.pool();
    let on =
        |model: &Model| Model::on_lattice(model.name.clone(), model.sigma, shape, quantum).unwrap();
    let pool = Pool {
        router: pool.router.as_ref().map(on),
        experts: pool.experts.iter().map(on).collect(),
        ..pool
    };
    let record = |model: &Model| ModelRecord {
        name: model.name.clone(),
        sigma: model.sigma,
        plugin: "analytic".to_owned(),
        plugin_sha256: Digest::of(b""),
        config_sha256: Digest::of(b"{}"),
        files: Vec::new(),
    };
    let models = pool.router.iter().chain(&pool.experts).map(record).collect();
    let seed = Seed::from_number(1);
    (pool, Provenance { seed, input: InputRecord::from(&input), models })
}

/// Votes drawn from a problem's exact probabilities.
pub struct Sampled<'a> {
    pub problem: &'a Problem,
    pub seed: u64,
}

impl VoteSource for Sampled<'_> {
    type Error = std::convert::Infallible;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, Self::Error> {
        let place = match stage.role {
            Role::Router => 0,
            Role::Expert(index) => index as u64 + 1,
        };
        let address = self.seed.wrapping_mul(1000).wrapping_add(place * 10 + stage.phase as u64);
        let mut rng = StdRng::seed_from_u64(address);
        let p = self.problem.bands(stage.role).probabilities(&self.problem.x);
        let mut counts = vec![0; p.len()];
        for draw in 0..draws.end {
            let mut rest = rng.random_range(0.0..1.0);
            if draw < draws.start {
                continue;
            }
            let vote = p.iter().position(|p| {
                rest -= p;
                rest < 0.0
            });
            counts[vote.unwrap_or(p.len() - 1)] += 1;
        }
        Ok(VoteCounts::new(counts).unwrap())
    }
}
