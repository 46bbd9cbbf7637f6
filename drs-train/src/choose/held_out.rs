//! Held-out inputs as bounds, so that terms are judged in no time.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use drs_core::bounds::{lower, upper};
use drs_core::certificate::counts_at;
use drs_core::rule::{Claim, ExpertSet, RouteBounds, Term, blend};
use drs_core::units::{Alpha, Sigma};
use tch::Device;

use crate::labels::Labels;
use crate::network::Network;
use crate::router::{Config, held_out, shares};

const ALPHA: f64 = 0.001;
/// What each further set or expert gets of α, as by default.
const NEXT: f64 = 0.25;

pub(super) struct HeldOut {
    pub(super) experts: Vec<String>,
    sigmas: Vec<Sigma>,
    router: Sigma,
    classes: usize,
    /// Draws that a certificate would have; shares of fewer votes stand for them.
    n: u64,
    inputs: Vec<Input>,
}

struct Input {
    label: usize,
    /// By expert and class, of `n`.
    votes: Vec<Vec<u64>>,
    /// The router's, of `n`.
    route: Vec<u64>,
    claims: Vec<Option<Claim>>,
    bounds: RouteBounds,
}

impl HeldOut {
    pub(super) fn read(
        settings: &Config,
        model: &Path,
        draws: usize,
        n: u64,
    ) -> anyhow::Result<Self> {
        let labels = Labels::read(&settings.labels)?;
        let (places, images) = held_out(settings, &labels)?;
        let checkpoint = drs_checkpoint::read(model)?;
        let network = Network::frozen(&checkpoint, None, Device::Cpu);
        let network = network.with_context(|| model.display().to_string())?;
        let routes = shares(&network, &images, settings.sigma, draws);
        let header = &labels.header;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of n")]
        let in_n = |share: f64| (share * n as f64 + 1e-6) as u64;
        let input = |(&place, route): (&usize, Vec<f64>)| {
            let votes = labels.votes.index_axis(ndarray::Axis(0), place);
            let share = |&count: &u32| in_n(f64::from(count) / header.draws as f64);
            Input {
                label: labels.labels[place],
                votes: votes.outer_iter().map(|votes| votes.iter().map(share).collect()).collect(),
                route: route.into_iter().map(in_n).collect(),
                claims: Vec::new(),
                bounds: RouteBounds::new(header.experts.len()),
            }
        };
        Ok(Self {
            experts: header.experts.iter().map(|expert| expert.name.clone()).collect(),
            sigmas: header.experts.iter().map(|expert| expert.sigma).collect(),
            router: Sigma::new(settings.sigma)?,
            classes: header.classes.len(),
            n,
            inputs: places.iter().zip(routes).map(input).collect(),
        })
    }

    /// Makes the bounds: this share of α for the router, and for the experts what `blend`
    /// gives them if its terms name the last expert first.
    pub(super) fn split(&mut self, share: f64) -> anyhow::Result<()> {
        let experts = self.experts.len();
        let falling = |parts: usize| -> Vec<f64> {
            let parts = (0..parts).map(|part| NEXT.powi(i32::try_from(part).unwrap_or(0)));
            let total: f64 = parts.clone().sum();
            parts.map(|part| part / total).collect()
        };
        let mut levels = Vec::with_capacity(experts);
        for part in falling(experts).into_iter().rev() {
            let half = ALPHA * (1.0 - share) * part / 2.0;
            levels.push((Alpha::new(half)?, Alpha::new(half / (self.classes - 1) as f64)?));
        }
        let sets = falling(experts - 1).into_iter().map(|part| Alpha::new(ALPHA * share * part));
        let sets = sets.collect::<Result<Vec<_>, _>>()?;
        let n = self.n;
        let (mut lowers, mut uppers) = (HashMap::new(), HashMap::new());
        for input in &mut self.inputs {
            input.claims.clear();
            let experts = input.votes.iter().zip(&self.sigmas).zip(&levels).enumerate();
            for (expert, ((votes, &sigma), &(own, other))) in experts {
                let mut bounds = Vec::with_capacity(votes.len());
                for &count in votes {
                    bounds.push(known(&mut uppers, (expert, count), || upper(count, n, other))?);
                }
                let count = votes[input.label];
                let p = known(&mut lowers, (expert, count), || lower(count, n, own))?;
                input.claims.push(Some(Claim::new(sigma, input.label, p, &bounds)));
            }
            let experts = self.sigmas.len();
            let mut order: Vec<usize> = (0..experts).collect();
            order.sort_by_key(|&expert| std::cmp::Reverse(input.route[expert]));
            input.bounds = RouteBounds::new(experts);
            for (last, &alpha) in sets.iter().enumerate() {
                let set = &order[..=last];
                let count: u64 = set.iter().map(|&expert| input.route[expert]).sum();
                let p = lower(count.min(n), n, alpha)?;
                let bounds = std::mem::replace(&mut input.bounds, RouteBounds::new(experts));
                input.bounds = bounds.with(self.router, ExpertSet::of(set), p);
            }
        }
        Ok(())
    }

    /// Certified accuracy at each radius.
    pub(super) fn accuracies(&self, terms: &[Term], radii: &[f64]) -> Vec<f64> {
        let mut counts = vec![0.0; radii.len()];
        for input in &self.inputs {
            let route = Some(&input.bounds);
            let radius = blend(terms, input.label, self.classes, route, &input.claims).radius;
            for (count, &r) in counts.iter_mut().zip(radii) {
                *count += f64::from(counts_at(radius, r));
            }
        }
        counts.into_iter().map(|count| count / self.inputs.len() as f64).collect()
    }

    /// That of the best single expert at each radius.
    pub(super) fn envelope(&self, radii: &[f64]) -> Vec<f64> {
        let alone = |expert: usize| {
            let weights = (0..self.experts.len()).map(|other| u32::from(other == expert)).collect();
            self.accuracies(&[Term { weights, offset: 0.0, cap: None, route: None }], radii)
        };
        let mut best = vec![0.0f64; radii.len()];
        for expert in 0..self.experts.len() {
            best.iter_mut().zip(alone(expert)).for_each(|(best, own)| *best = best.max(own));
        }
        best
    }
}

fn known<E>(
    values: &mut HashMap<(usize, u64), f64>,
    of: (usize, u64),
    value: impl FnOnce() -> Result<f64, E>,
) -> Result<f64, E> {
    if let Some(&value) = values.get(&of) {
        return Ok(value);
    }
    let value = value()?;
    values.insert(of, value);
    Ok(value)
}
