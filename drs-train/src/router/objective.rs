//! What routers are trained for.

use drs_core::units::Sigma;
use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::labels::Labels;
use crate::loss::{
    Certificate, Consistency, balance, certificate, consistency, soft_cross_entropy, soft_labels,
    utility,
};

/// What is minimised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Objective {
    /// The paper's: soft labels, consistency weighed by radii, balanced experts.
    Paper {
        /// Of the labels' softmax over radii.
        #[serde(default = "one")]
        temperature: f64,
        /// Weights of consistency.
        consistency: Consistency,
        /// By which radius consistency is weighed.
        #[serde(default)]
        weigh: Weigh,
        /// Whether inputs are weighed by 1/qᵢ.
        #[serde(default = "yes")]
        balance: bool,
    },
    /// Cross-entropy with the expert of the largest radius.
    Hard {
        /// Weights of consistency.
        consistency: Consistency,
        /// Whether inputs are weighed by 1/qᵢ.
        #[serde(default)]
        balance: bool,
    },
    /// Expected utility of the route: the weights of the radii that its expert certifies.
    Utility {
        /// The radii that count.
        radii: Vec<f64>,
        /// How much; equally if empty.
        #[serde(default)]
        weights: Vec<f64>,
        /// Weights of consistency.
        consistency: Consistency,
    },
    /// A smooth form of the `maxmin` certificate itself.
    Certificate {
        /// The radii that count.
        radii: Vec<f64>,
        /// How much; equally if empty.
        #[serde(default)]
        weights: Vec<f64>,
        /// How soft minima, maxima and thresholds are, in units of radius.
        softness: f64,
        /// Weights of consistency.
        consistency: Consistency,
    },
}

/// By which radius an input's consistency is weighed [the paper leaves the form open].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weigh {
    /// All alike.
    None,
    /// R_c at the largest σ that the router predicts on the copies.
    #[default]
    Strong,
    /// R_c at the smallest.
    Weak,
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

/// What experts do on the inputs, as tensors.
pub(super) struct Targets {
    /// `[n, experts]`.
    radii: Tensor,
    /// `[n]`, over all inputs.
    balance: Tensor,
    /// Signed radii of the true class, `[n, experts]`.
    own: Tensor,
    /// Signed radii of the other classes, `[n, experts, classes − 1]`.
    rivals: Tensor,
    /// Experts by rising σ.
    by_sigma: Vec<usize>,
    device: Device,
}

/// Shares of votes are taken for at least this far from 0 and 1.
const CLAMP: f64 = 1e-3;

impl Targets {
    pub(super) fn new(
        labels: &Labels,
        radii: &Array2<f32>,
        places: &[usize],
        device: Device,
    ) -> Self {
        let radii = radii.select(Axis(0), places);
        let votes = labels.votes.select(Axis(0), places);
        let draws = labels.header.draws as f64;
        let sigmas: Vec<Sigma> = labels.header.experts.iter().map(|expert| expert.sigma).collect();
        let shares = votes.mapv(|count| (f64::from(count) / draws).clamp(CLAMP, 1.0 - CLAMP));
        let (inputs, experts, classes) = shares.dim();
        let mut own = Array2::zeros((inputs, experts));
        let mut rivals = Array3::zeros((inputs, experts, classes - 1));
        for (row, &place) in places.iter().enumerate() {
            let label = labels.labels[place];
            for expert in 0..experts {
                own[[row, expert]] = shares[[row, expert, label]];
                let others = (0..classes).filter(|&class| class != label);
                for (rival, class) in others.enumerate() {
                    rivals[[row, expert, rival]] = shares[[row, expert, class]];
                }
            }
        }
        let sigma = Tensor::from_slice(&sigmas.iter().map(|s| s.get()).collect::<Vec<_>>());
        let tensor = |values: Vec<f64>, shape: &[usize]| {
            let shape: Vec<i64> = shape.iter().map(|&n| i64::try_from(n).unwrap_or(0)).collect();
            Tensor::from_slice(&values).reshape(shape)
        };
        let own = tensor(own.into_iter().collect(), &[inputs, experts]).special_ndtri() * &sigma;
        let rivals = tensor(rivals.into_iter().collect(), &[inputs, experts, classes - 1]);
        let rivals = rivals.special_ndtri() * sigma.unsqueeze(-1);
        let radii = tensor(radii.into_iter().map(f64::from).collect(), &[inputs, experts]);
        let on_device = |tensor: Tensor| tensor.to_kind(Kind::Float).to_device(device);
        let radii = on_device(radii);
        let mut by_sigma: Vec<usize> = (0..experts).collect();
        by_sigma.sort_by(|&a, &b| sigmas[a].get().total_cmp(&sigmas[b].get()));
        let (own, rivals) = (on_device(own), on_device(rivals));
        Self { balance: balance(&radii), radii, own, rivals, by_sigma, device }
    }

    /// Those of a batch.
    pub(super) fn of(&self, batch: &[usize]) -> Self {
        let places: Vec<i64> =
            batch.iter().map(|&place| i64::try_from(place).unwrap_or(0)).collect();
        let places = Tensor::from_slice(&places).to_device(self.device);
        let at = |tensor: &Tensor| tensor.index_select(0, &places);
        Self {
            radii: at(&self.radii),
            balance: at(&self.balance),
            own: at(&self.own),
            rivals: at(&self.rivals),
            by_sigma: self.by_sigma.clone(),
            device: self.device,
        }
    }
}

impl Objective {
    /// The loss of each input: `logits` are `[copies, n, experts]`.
    pub(super) fn loss(&self, logits: &Tensor, targets: &Targets, sigma: f64) -> Tensor {
        let radii = &targets.radii;
        let over_copies = |labels: &Tensor| {
            let labels = labels.unsqueeze(0).expand_as(logits);
            soft_cross_entropy(logits, &labels).mean_dim(0, false, Kind::Float)
        };
        match self {
            Self::Paper { temperature, consistency: weights, weigh, balance } => {
                let fit = over_copies(&soft_labels(radii, *temperature));
                let weight = weigh.weight(logits, targets);
                let loss = fit + weight * consistency(logits, *weights);
                if *balance { loss * &targets.balance } else { loss }
            }
            Self::Hard { consistency: weights, balance } => {
                let best = radii.argmax(-1, false).one_hot(radii.size()[1]).to_kind(Kind::Float);
                let loss = over_copies(&best) + consistency(logits, *weights);
                if *balance { loss * &targets.balance } else { loss }
            }
            Self::Utility { radii: at, weights, consistency: consistent } => {
                let mut utilities = radii.zeros_like();
                for (place, radius) in at.iter().enumerate() {
                    let weight = weights.get(place).copied().unwrap_or(1.0);
                    utilities += radii.gt(*radius).to_kind(Kind::Float) * weight;
                }
                utility(logits, &utilities) + consistency(logits, *consistent)
            }
            Self::Certificate { radii: at, weights, softness, consistency: consistent } => {
                let settings = Certificate { radii: at, weights, softness: *softness, sigma };
                let route = certificate(logits, &targets.own, &targets.rivals, settings);
                route + consistency(logits, *consistent)
            }
        }
    }
}

impl Weigh {
    /// `[n]`.
    fn weight(self, logits: &Tensor, targets: &Targets) -> Tensor {
        let radii = &targets.radii;
        if self == Self::None {
            return radii.select(1, 0).ones_like();
        }
        // Ranks by σ of what is predicted on each copy.
        let experts = targets.by_sigma.len();
        let mut ranks = vec![0i64; experts];
        for (rank, &expert) in (0i64..).zip(&targets.by_sigma) {
            ranks[expert] = rank;
        }
        let order: Vec<i64> =
            targets.by_sigma.iter().map(|&expert| i64::try_from(expert).unwrap_or(0)).collect();
        let ranks = Tensor::from_slice(&ranks).to_device(targets.device);
        let order = Tensor::from_slice(&order).to_device(targets.device);
        let predicted = logits.argmax(-1, false);
        let ranked = ranks.take(&predicted);
        let rank = match self {
            Self::Strong => ranked.amax([0i64].as_slice(), false),
            _ => ranked.amin([0i64].as_slice(), false),
        };
        radii.gather(1, &order.take(&rank).unsqueeze(-1), false).squeeze_dim(-1)
    }
}
