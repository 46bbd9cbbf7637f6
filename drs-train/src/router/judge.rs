//! What a router is worth on held-out inputs, by the rules that certify.

use std::convert::Infallible;
use std::ops::Range;

use drs_core::certify;
use drs_core::pool::{Model, Phase, Pool, Role, Stage};
use drs_core::protocol::{AlphaSplit, Bounding, Method, Protocol};
use drs_core::rule::Term;
use drs_core::sampling::Sampling;
use drs_core::source::VoteSource;
use drs_core::units::{Alpha, Sigma};
use drs_core::votes::VoteCounts;
use serde::{Deserialize, Serialize};

use super::Config;
use crate::labels::Labels;

/// What decides which epoch's router is kept: certified accuracy under the rule that
/// it is for, `blend` where the settings have terms and `maxmin` otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Select {
    /// The radii.
    pub radii: Vec<f64>,
    /// Their weights; equal if empty.
    pub weights: Vec<f64>,
    /// What is made of the accuracies.
    pub by: By,
    /// Router votes drawn for each held-out input.
    pub draws: usize,
}

/// A figure of merit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Mean certified accuracy over the radii.
    #[default]
    Mean,
    /// The least that certified accuracy exceeds the best single expert's at a radius
    /// by; it is negative where that expert is ahead somewhere.
    Worst,
}

impl Default for Select {
    fn default() -> Self {
        let radii = (0..=10).map(|quarter| f64::from(quarter) / 4.0).collect();
        Self { radii, weights: Vec::new(), by: By::Mean, draws: 50 }
    }
}

/// The held-out inputs with the experts' votes on them.
pub(super) struct Judge {
    pool: Pool,
    protocol: Protocol,
    select: Select,
    labels: Vec<usize>,
    /// By input and expert: shares of the votes.
    shares: Vec<Vec<Vec<f64>>>,
    /// Certified accuracy of the best single expert at each radius.
    envelope: Vec<f64>,
}

/// Draws that a certificate would have; shares of fewer votes stand for them.
const N: u64 = 10_000;
const N0: u64 = 100;

impl Judge {
    pub(super) fn new(
        labels: &Labels,
        places: &[usize],
        terms: &[Term],
        config: &Config,
    ) -> anyhow::Result<Self> {
        let model =
            |name: &str, sigma| Model { name: name.to_owned(), sigma, distance_per_draw: 0.0 };
        let router = model("router", Sigma::new(config.sigma)?);
        let experts = labels.header.experts.iter().map(|e| model(&e.name, e.sigma)).collect();
        let draws = labels.header.draws as f64;
        let of = |&place: &usize| {
            let votes = labels.votes.index_axis(ndarray::Axis(0), place);
            let share = |counts: ndarray::ArrayView1<'_, u32>| {
                counts.iter().map(|&count| f64::from(count) / draws).collect()
            };
            votes.outer_iter().map(share).collect()
        };
        let mut judge = Self {
            pool: Pool {
                router: Some(router),
                experts,
                classes: labels.header.classes.len(),
                blend: terms.to_vec(),
            },
            protocol: Protocol {
                n0: N0,
                n: N,
                sampling: Sampling::Fixed,
                alpha: Alpha::new(0.001)?,
                bounding: Bounding::OneSided,
                split: AlphaSplit::default(),
            },
            select: config.select.clone(),
            labels: places.iter().map(|&place| labels.labels[place]).collect(),
            shares: places.iter().map(of).collect(),
            envelope: vec![0.0; config.select.radii.len()],
        };
        let nowhere = vec![Vec::new(); places.len()];
        for expert in 0..judge.pool.experts.len() {
            let alone = judge.accuracy(Method::One(expert), &nowhere)?;
            let best = judge.envelope.iter().zip(alone).map(|(&a, b)| a.max(b));
            judge.envelope = best.collect();
        }
        Ok(judge)
    }

    /// The figure of merit first; then the mean certified accuracies under each rule, the
    /// envelope's, the most that the rule falls short of it at a radius, and some parts.
    pub(super) fn score(&self, route: &[Vec<f64>]) -> anyhow::Result<Vec<(&'static str, f64)>> {
        let maxmin = self.accuracy(Method::MaxMin, route)?;
        let dual = self.accuracy(Method::Dual, route)?;
        let blend = match self.pool.blend.as_slice() {
            [] => None,
            _ => Some(self.accuracy(Method::Blend, route)?),
        };
        let judged = blend.as_ref().unwrap_or(&maxmin);
        let at = |accuracies: &[f64], radius: f64| {
            let place = self.select.radii.iter().position(|&r| r == radius);
            place.map(|place| accuracies[place])
        };
        let short = self.envelope.iter().zip(judged).map(|(best, own)| best - own);
        let short = short.fold(f64::NEG_INFINITY, f64::max);
        let merit = match self.select.by {
            By::Mean => self.mean(judged),
            By::Worst => -short,
        };
        let mut found = vec![
            ("merit", merit),
            ("maxmin_mean", self.mean(&maxmin)),
            ("dual_mean", self.mean(&dual)),
            ("envelope_mean", self.mean(&self.envelope)),
            ("short_of_envelope", short),
        ];
        found.extend(blend.as_ref().map(|blend| ("blend_mean", self.mean(blend))));
        for (name, radius) in [("r0", 0.0), ("r0.5", 0.5), ("r1", 1.0), ("r2", 2.0)] {
            found.extend(at(judged, radius).map(|accuracy| (name, accuracy)));
        }
        Ok(found)
    }

    fn mean(&self, accuracies: &[f64]) -> f64 {
        let weight = |place: usize| self.select.weights.get(place).copied().unwrap_or(1.0);
        let total: f64 = (0..accuracies.len()).map(weight).sum();
        accuracies.iter().enumerate().map(|(place, a)| a * weight(place)).sum::<f64>() / total
    }

    fn accuracy(&self, method: Method, route: &[Vec<f64>]) -> anyhow::Result<Vec<f64>> {
        let mut counts = vec![0.0; self.select.radii.len()];
        for ((experts, router), &label) in self.shares.iter().zip(route).zip(&self.labels) {
            let mut source = Imagined { experts, router };
            let certificate = certify(&self.pool, method, &self.protocol, None, &mut source)?;
            for (count, &radius) in counts.iter_mut().zip(&self.select.radii) {
                *count += f64::from(certificate.verdict.certifies(label, radius));
            }
        }
        Ok(counts.into_iter().map(|count| count / self.labels.len() as f64).collect())
    }
}

/// Votes of any number of draws, in the shares that were found.
struct Imagined<'a> {
    experts: &'a [Vec<f64>],
    router: &'a [f64],
}

impl VoteSource for Imagined<'_> {
    type Error = Infallible;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, Infallible> {
        debug_assert!(stage.phase != Phase::Prediction);
        let shares = match stage.role {
            Role::Router => self.router,
            Role::Expert(expert) => &self.experts[expert],
        };
        let (now, before) = (up_to(shares, draws.end), up_to(shares, draws.start));
        let counts = now.iter().zip(before).map(|(now, before)| now.saturating_sub(before));
        Ok(VoteCounts::new(counts.collect()).unwrap_or_else(|_| unreachable!("there are classes")))
    }
}

/// Whole votes in these shares; what is left over goes to the leading class.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shares of a count")]
fn up_to(shares: &[f64], draws: u64) -> Vec<u64> {
    let mut counts: Vec<u64> =
        shares.iter().map(|share| (share * draws as f64 + 1e-9).floor() as u64).collect();
    let leader = (0..shares.len()).rev().max_by(|&a, &b| shares[a].total_cmp(&shares[b]));
    let left = draws.saturating_sub(counts.iter().sum());
    if let Some(count) = leader.and_then(|leader| counts.get_mut(leader)) {
        *count += left;
    }
    counts
}
