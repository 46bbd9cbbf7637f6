//! Fine-tuning where a router sends inputs.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::images::Images;
use crate::network::Network;
use crate::router::shares;

/// Noise as a router chooses it (§4.3 of the paper: fine-tuning with the router frozen).
///
/// Without `expert` one network is trained for all noise levels, each input at its
/// own σ(x). With it, one expert is trained at its own level for the inputs that it
/// will be asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// The router: `model.safetensors` of its run.
    pub router: PathBuf,
    /// The noise level behind each of its answers.
    pub sigmas: Vec<f64>,
    /// Its votes on each input; the most decide.
    #[serde(default = "draws")]
    pub draws: usize,
    /// The expert to train.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expert: Option<String>,
    /// How much inputs count that the router sends to another expert.
    #[serde(default = "others")]
    pub others: f64,
}

fn draws() -> usize {
    10
}

fn others() -> f64 {
    0.2
}

/// What an input's place in training is.
pub(crate) struct Places {
    /// Noise levels `[n]`, if they are the inputs' own.
    pub(crate) sigmas: Option<Tensor>,
    /// How much each counts `[n]`.
    pub(crate) weights: Tensor,
}

/// A router, opened for this.
pub(crate) struct Choice<'a> {
    settings: &'a Adaptive,
    network: Network,
    sigma: f64,
    /// The answer that stands for the expert to train.
    expert: Option<usize>,
}

impl Adaptive {
    pub(crate) fn open(&self, device: Device) -> anyhow::Result<Choice<'_>> {
        let checkpoint = drs_checkpoint::read(&self.router)?;
        let problem = || self.router.display().to_string();
        let network = Network::frozen(&checkpoint, None, device).with_context(problem)?;
        let note = |key: &str| {
            let value = checkpoint.metadata.get(key);
            value.with_context(|| format!("{}: it does not tell {key}", self.router.display()))
        };
        let sigma = note("drs.sigma")?.parse().with_context(problem)?;
        let experts: Vec<&str> = note("drs.classes")?.split(',').collect();
        let (found, expected) = (self.sigmas.len(), experts.len());
        ensure!(
            found == expected && network.classes() == expected,
            "adaptive.sigmas: {found} found, expected one for each of {}",
            experts.join(", ")
        );
        let place = |name: &String| {
            let place = experts.iter().position(|expert| expert == name);
            let names = experts.join(", ");
            place.with_context(|| format!("adaptive.expert: {name} found, expected one of {names}"))
        };
        let expert = self.expert.as_ref().map(place).transpose()?;
        Ok(Choice { settings: self, network, sigma, expert })
    }
}

impl Choice<'_> {
    pub(crate) fn places(&self, images: &Images) -> Places {
        let shares = shares(&self.network, images, self.sigma, self.settings.draws);
        let chosen: Vec<usize> = shares.iter().map(|shares| most(shares)).collect();
        let tensor = |values: Vec<f64>| {
            Tensor::from_slice(&values).to_kind(tch::Kind::Float).to_device(self.network.device())
        };
        let count = |&answer: &usize| match self.expert {
            Some(expert) if answer != expert => self.settings.others,
            _ => 1.0,
        };
        let level = |&answer: &usize| self.settings.sigmas[answer];
        Places {
            sigmas: self.expert.is_none().then(|| tensor(chosen.iter().map(level).collect())),
            weights: tensor(chosen.iter().map(count).collect()),
        }
    }
}

/// Ties go to the lowest index, as in certificates.
fn most(shares: &[f64]) -> usize {
    (0..shares.len()).rev().max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(0)
}
