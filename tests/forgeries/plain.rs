//! Radii by plain formulas, without a line of the code that certifies: bounds by bisection on
//! the incomplete beta function, maxima over all sets of experts.

use drs_core::certificate::{Certificate, StageRecord};
use drs_core::pool::Phase;
use drs_core::protocol::Bounding;
use drs_core::sampling::Sampling;
use drs_core::votes::VoteCounts;
use statrs::distribution::{ContinuousCDF as _, Normal};
use statrs::function::beta::beta_reg;

/// More than what the certifying code rounds down by.
pub(crate) const SLACK: f64 = 1e-6;

/// A class with the radius up to which its votes support it.
pub(crate) type Claim = (Option<usize>, f64);

/// What the votes support; `None` for methods that are not written down here.
pub(crate) fn claim(certificate: &Certificate) -> Option<Claim> {
    let plain = Plain::new(certificate)?;
    let (class, radius) = match certificate.method.as_str() {
        "dual" => plain.dual()?,
        "maxmin" => plain.maxmin()?,
        method => plain.one(method.strip_prefix("one:")?)?,
    };
    Some(if radius > 0.0 { (Some(class), radius) } else { (None, 0.0) })
}

struct Plain<'a> {
    certificate: &'a Certificate,
    /// Names and sigmas, without the router.
    experts: Vec<(&'a str, f64)>,
    router: Option<f64>,
    alpha: f64,
    /// Draws and share of each look.
    design: Vec<(u64, f64)>,
}

impl<'a> Plain<'a> {
    fn new(certificate: &'a Certificate) -> Option<Self> {
        let provenance = certificate.provenance.as_ref()?;
        let all = provenance.models.iter().map(|m| (m.name.as_str(), m.sigma.get()));
        let (router, experts): (Vec<_>, Vec<_>) = all.partition(|(name, _)| *name == "router");
        let values: usize = provenance.input.shape.dims().iter().product();
        let levels = f64::from(provenance.input.quantum.levels());
        let of = |sigma: f64| {
            let highest = (sigma * levels * 10.6).ceil();
            (2.0 * highest + 3.0) * 2f64.powi(-80) * values as f64
        };
        let alone = certificate.method.strip_prefix("one:");
        let asked = router.iter().chain(&experts);
        let asked = asked.filter(|(name, _)| alone.is_none_or(|alone| alone == *name));
        let per_draw: f64 = asked.map(|(_, sigma)| of(*sigma)).sum();
        let protocol = &certificate.protocol;
        let alpha = protocol.alpha.get() - per_draw * (protocol.n0 + protocol.n) as f64;
        let design = design(&protocol.sampling, protocol.n);
        let router = router.first().map(|(_, sigma)| *sigma);
        Some(Self { certificate, experts, router, alpha, design })
    }

    fn one(&self, name: &str) -> Option<(usize, f64)> {
        let sigma = self.sigma(name)?;
        self.two_or_one(name, sigma, self.alpha, self.certificate.protocol.bounding)
    }

    fn dual(&self) -> Option<(usize, f64)> {
        let protocol = &self.certificate.protocol;
        let share = protocol.split.route;
        let (route, bounding) = (self.alpha * share, protocol.bounding);
        let (expert, reach) = self.two_or_one("router", self.router?, route, bounding)?;
        let (name, sigma) = *self.experts.get(expert)?;
        let rest = self.alpha * (1.0 - share);
        let (class, radius) = self.two_or_one(name, sigma, rest, bounding)?;
        Some((class, radius.min(reach)))
    }

    /// The selected option of a model and its radius.
    fn two_or_one(
        &self,
        name: &str,
        sigma: f64,
        alpha: f64,
        bounding: Bounding,
    ) -> Option<(usize, f64)> {
        let class = top(self.selection(name)?);
        let options = self.selection(name)?.counts().len();
        let (own, rivals) = self.signed(name, sigma, alpha, bounding, class, options);
        let rival = rivals.iter().enumerate().filter(|(z, _)| *z != class);
        let rival = rival.map(|(_, s)| *s).fold(f64::NEG_INFINITY, f64::max);
        Some((class, (own - rival) / 2.0))
    }

    /// Signed radii: of the class from below, of each other from above.
    fn signed(
        &self,
        name: &str,
        sigma: f64,
        alpha: f64,
        bounding: Bounding,
        class: usize,
        options: usize,
    ) -> (f64, Vec<f64>) {
        let others = self.certificate.protocol.split.others;
        let (own, each) = match bounding {
            Bounding::OneSided => (alpha, None),
            Bounding::TwoSided => {
                (alpha * (1.0 - others), Some(alpha * others / (options - 1) as f64))
            }
        };
        let lower = sigma * quantile(self.lower(name, &[class], own));
        let upper = |z: usize| {
            let bound = each.map_or(1.0, |each| {
                let all: Vec<usize> = (0..options).filter(|&option| option != z).collect();
                1.0 - self.lower(name, &all, each)
            });
            (sigma * quantile(bound)).min(-lower)
        };
        (lower, (0..options).map(upper).collect())
    }

    fn maxmin(&self) -> Option<(usize, f64)> {
        let split = &self.certificate.protocol.split;
        let count = self.experts.len();
        let mut order: Vec<usize> = (0..count).collect();
        let votes = self.selection("router")?;
        order.sort_by_key(|&expert| (std::cmp::Reverse(votes.of(expert)), expert));
        let levels = |alpha: f64, factor: f64, parts: usize| -> Vec<f64> {
            let weights: Vec<f64> =
                (0..parts).map(|i| factor.powi(i32::try_from(i).unwrap())).collect();
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|weight| alpha * weight / sum).collect()
        };
        let route = levels(self.alpha * split.route, split.next_set, count - 1);
        // Prefixes of the order, as bits, with their signed radii.
        let mut known = Vec::new();
        for (index, &alpha) in route.iter().enumerate() {
            let bits = order[..=index].iter().fold(0u64, |bits, expert| bits | 1 << expert);
            let bound = self.lower("router", &order[..=index], alpha);
            known.push((bits, self.router? * quantile(bound)));
        }
        let class = top(self.selection(self.experts[order[0]].0)?);
        let classes = self.certificate.classes?;
        let mut lower = vec![f64::NEG_INFINITY; count];
        let mut upper = vec![vec![f64::INFINITY; classes]; count];
        let shares = levels(self.alpha * (1.0 - split.route), split.next_expert, count);
        for (&expert, alpha) in order.iter().zip(shares) {
            let (name, sigma) = self.experts[expert];
            if self.selection(name).is_some_and(|votes| top(votes) == class) {
                let two = Bounding::TwoSided;
                (lower[expert], upper[expert]) =
                    self.signed(name, sigma, alpha, two, class, classes);
            }
        }
        let all = (1u64 << count) - 1;
        let strongest = |support: &dyn Fn(usize) -> f64, route: &dyn Fn(u64) -> f64| {
            let of = |set: u64| {
                let members = (0..count).filter(|&expert| set >> expert & 1 == 1);
                members.map(support).fold(route(set), f64::min)
            };
            (1..=all).map(of).fold(f64::NEG_INFINITY, f64::max)
        };
        let least = |set: u64| {
            let within = known.iter().filter(|(bits, _)| bits & !set == 0).map(|(_, t)| *t);
            if set == all { f64::INFINITY } else { within.fold(f64::NEG_INFINITY, f64::max) }
        };
        let most = |set: u64| {
            let beside = known.iter().filter(|(bits, _)| bits & set == 0).map(|(_, t)| -*t);
            beside.fold(f64::INFINITY, f64::min)
        };
        let own = strongest(&|expert| lower[expert], &least);
        let rivals = (0..classes).filter(|&z| z != class);
        let rival = rivals
            .map(|z| strongest(&|expert| upper[expert][z], &most))
            .fold(f64::NEG_INFINITY, f64::max);
        let radius = (own - rival) / 2.0;
        Some((class, if radius.is_nan() { f64::NEG_INFINITY } else { radius }))
    }

    fn sigma(&self, name: &str) -> Option<f64> {
        self.experts.iter().find(|(other, _)| *other == name).map(|(_, sigma)| *sigma)
    }

    fn stage(&self, name: &str, phase: Phase) -> Option<&'a StageRecord> {
        self.certificate.stages.iter().find(|stage| stage.model == name && stage.phase == phase)
    }

    fn selection(&self, name: &str) -> Option<&'a VoteCounts> {
        self.stage(name, Phase::Selection)?.looks.last()
    }

    /// The best lower bound on the probability of these options over the looks.
    fn lower(&self, name: &str, options: &[usize], alpha: f64) -> f64 {
        let Some(stage) = self.stage(name, Phase::Estimation) else { return 0.0 };
        let looks = stage.looks.iter().zip(&self.design);
        looks
            .filter(|(votes, (draws, _))| votes.counts().iter().sum::<u64>() == *draws)
            .map(|(votes, &(draws, share))| {
                let count = options.iter().map(|&option| votes.of(option)).sum();
                clopper_pearson(count, draws, alpha * share)
            })
            .fold(0.0, f64::max)
    }
}

/// Looks at N, N/growth, N/growth² … draws; shares as docs of the schedule have them.
fn design(sampling: &Sampling, n: u64) -> Vec<(u64, f64)> {
    let Sampling::Sequential(sequential) = sampling else { return vec![(n, 1.0)] };
    let schedule = sequential.schedule;
    let mut draws = vec![n];
    while let Some(&least) = draws.last() {
        let next = (least as f64 / schedule.growth).ceil() as u64;
        if next < schedule.first || next >= least {
            break;
        }
        draws.push(next);
    }
    draws.reverse();
    let before = draws.len() - 1;
    let sum: usize = (1..=before).sum();
    let share = |look: usize| match look {
        _ if before == 0 => 1.0,
        look if look == before => schedule.last,
        look => (1.0 - schedule.last) * (look + 1) as f64 / sum as f64,
    };
    draws.iter().enumerate().map(|(look, &draws)| (draws, share(look))).collect()
}

fn top(votes: &VoteCounts) -> usize {
    let counts = votes.counts();
    (0..counts.len()).rev().max_by_key(|&class| counts[class]).unwrap()
}

fn quantile(p: f64) -> f64 {
    match p {
        p if p <= 0.0 => f64::NEG_INFINITY,
        p if p >= 1.0 => f64::INFINITY,
        p => Normal::standard().inverse_cdf(p),
    }
}

/// The p at which so many successes or more have probability `alpha`.
fn clopper_pearson(successes: u64, trials: u64, alpha: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    let (k, n) = (successes as f64, trials as f64);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let p = 0.5 * (low + high);
        if beta_reg(k, n - k + 1.0, p) < alpha { low = p } else { high = p }
    }
    low
}
