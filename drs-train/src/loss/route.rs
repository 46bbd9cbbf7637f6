//! What routers are trained for, by the radii that each expert certifies.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

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

/// The paper's labels: a softmax over the experts' radii `[n, experts]`, 0 where
/// wrong (§4.2).
pub fn soft_labels(radii: &Tensor, temperature: f64) -> Tensor {
    (radii / temperature).softmax(-1, Kind::Float)
}

/// The paper's weights `[n]` against imbalance: 1/qᵢ, with i the input's best
/// expert and qᵢ the share of inputs whose best it is.
pub fn balance(radii: &Tensor) -> Tensor {
    let best = radii.argmax(-1, false);
    let counts = best.bincount(None::<&Tensor>, radii.size()[1]);
    let share = counts.to_kind(Kind::Float) / best.size()[0] as f64;
    share.reciprocal().index_select(0, &best)
}

/// Minus the expected utility of the route for each input: `logits` are
/// `[copies, n, experts]`, `utilities` `[n, experts]`.
pub fn utility(logits: &Tensor, utilities: &Tensor) -> Tensor {
    let route = logits.softmax(-1, Kind::Float).mean_dim(0, false, Kind::Float);
    -(route * utilities).sum_dim_intlist(-1, false, Kind::Float)
}

impl Weigh {
    /// The weights `[n]`, from `logits` `[copies, n, experts]` and radii `[n, experts]`;
    /// `by_sigma` are the experts by rising σ.
    pub fn weight(self, logits: &Tensor, radii: &Tensor, by_sigma: &[usize]) -> Tensor {
        if self == Self::None {
            return radii.select(1, 0).ones_like();
        }
        let places = |places: &[usize]| {
            let places: Vec<i64> =
                places.iter().map(|&place| i64::try_from(place).unwrap_or(0)).collect();
            Tensor::from_slice(&places).to_device(radii.device())
        };
        let mut ranks = vec![0; by_sigma.len()];
        by_sigma.iter().enumerate().for_each(|(rank, &expert)| ranks[expert] = rank);
        // Ranks by σ of what is predicted on each copy.
        let ranked = places(&ranks).take(&logits.argmax(-1, false));
        let rank = match self {
            Self::Strong => ranked.amax([0i64].as_slice(), false),
            _ => ranked.amin([0i64].as_slice(), false),
        };
        radii.gather(1, &places(by_sigma).take(&rank).unsqueeze(-1), false).squeeze_dim(-1)
    }
}
