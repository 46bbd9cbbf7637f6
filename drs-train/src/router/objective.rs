//! What routers are trained for.

use drs_core::rule::Term;
use drs_core::units::Sigma;
use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::labels::Labels;
use crate::loss::{
    Certificate, Claim, Consistency, Weigh, balance, certificate, consistency, maxmin_claims,
    soft_cross_entropy, soft_labels, utility,
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
    /// Cross-entropy with the experts in proportion to what they gain: how much more of
    /// the radii's weight is certified if the router is sure of this expert than if it
    /// is sure of the worst.
    Gain {
        /// The radii that count.
        radii: Vec<f64>,
        /// How much; equally if empty.
        #[serde(default)]
        weights: Vec<f64>,
        /// Weights of consistency.
        consistency: Consistency,
    },
    /// A smooth form of the certificate itself: that of the settings' terms, of `maxmin`
    /// where there are none.
    Certificate {
        /// The radii that count.
        radii: Vec<f64>,
        /// How much; equally if empty.
        #[serde(default)]
        weights: Vec<f64>,
        /// How soft minima, maxima and thresholds are, in units of radius.
        softness: f64,
        /// How soft at the end, if not as in the beginning; the same factor every step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        softness_at_end: Option<f64>,
        /// Weights of consistency.
        consistency: Consistency,
    },
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
    /// How classes can be supported.
    claims: Vec<Claim>,
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
        terms: &[Term],
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
        let claims = match terms {
            [] => maxmin_claims(&own, &rivals),
            terms => terms.iter().map(|term| claim(term, &own, &rivals)).collect(),
        };
        Self { balance: balance(&radii), radii, claims, by_sigma, device }
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
            claims: self
                .claims
                .iter()
                .map(|claim| Claim {
                    own: at(&claim.own),
                    rivals: at(&claim.rivals),
                    cap: claim.cap,
                    route: claim.route.clone(),
                })
                .collect(),
            by_sigma: self.by_sigma.clone(),
            device: self.device,
        }
    }
}

/// Close to not soft at all, in units of radius.
const SHARP: f64 = 0.01;
/// A logit that leaves no doubt.
const SURE: f64 = 50.0;

/// What a router that is sure of each expert gains over the worst, `[n, experts]`.
fn gains(experts: i64, claims: &[Claim], settings: Certificate<'_>) -> Tensor {
    let utility = |expert: i64| {
        let n = claims[0].own.size()[0];
        let choice = Tensor::from_slice(&[expert]).to_device(claims[0].own.device());
        let logits = choice.one_hot(experts).to_kind(Kind::Float) * SURE;
        -certificate(&logits.unsqueeze(0).expand([1, n, experts], false), claims, settings)
    };
    let utilities = Tensor::stack(&(0..experts).map(utility).collect::<Vec<_>>(), -1);
    &utilities - utilities.amin([-1i64].as_slice(), true)
}

/// A term's claim, from signed radii of the true class `[n, experts]` and of the others
/// `[n, experts, classes − 1]`.
fn claim(term: &Term, own: &Tensor, rivals: &Tensor) -> Claim {
    let total: f64 = term.weights.iter().map(|&weight| f64::from(weight)).sum();
    let weights: Vec<f64> = term.weights.iter().map(|&w| f64::from(w) / total).collect();
    let weights = Tensor::from_slice(&weights).to_kind(Kind::Float).to_device(own.device());
    let mean = |radii: Tensor| radii.sum_dim_intlist(1, false, Kind::Float) - term.offset;
    let places = |set: &Vec<usize>| set.iter().map(|&e| i64::try_from(e).unwrap_or(0)).collect();
    Claim {
        own: mean(own * &weights),
        rivals: mean(rivals * weights.unsqueeze(-1)),
        cap: term.cap,
        route: term.route.as_ref().map(places),
    }
}

impl Objective {
    /// The loss of each input: `logits` are `[copies, n, experts]`, `sigma` is the router's
    /// noise level, `gone` the share of the training that is over.
    pub(super) fn loss(&self, logits: &Tensor, targets: &Targets, sigma: f64, gone: f64) -> Tensor {
        let radii = &targets.radii;
        let over_copies = |labels: &Tensor| {
            let labels = labels.unsqueeze(0).expand_as(logits);
            soft_cross_entropy(logits, &labels).mean_dim(0, false, Kind::Float)
        };
        match self {
            Self::Paper { temperature, consistency: weights, weigh, balance } => {
                let fit = over_copies(&soft_labels(radii, *temperature));
                let weight = weigh.weight(logits, radii, &targets.by_sigma);
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
                    // As `drs_core::certificate::counts_at`; radius 0 is a wrong answer.
                    let certified = radii.gt(0.0).logical_and(&radii.ge(*radius));
                    utilities += certified.to_kind(Kind::Float) * weight;
                }
                utility(logits, &utilities) + consistency(logits, *consistent)
            }
            Self::Gain { radii: at, weights, consistency: consistent } => {
                let settings = Certificate { radii: at, weights, softness: SHARP, sigma };
                over_copies(&gains(logits.size()[2], &targets.claims, settings))
                    + consistency(logits, *consistent)
            }
            Self::Certificate {
                radii: at,
                weights,
                softness,
                softness_at_end: end,
                consistency: consistent,
            } => {
                let softness = softness * (end.unwrap_or(*softness) / softness).powf(gone);
                let settings = Certificate { radii: at, weights, softness, sigma };
                certificate(logits, &targets.claims, settings) + consistency(logits, *consistent)
            }
        }
    }
}
