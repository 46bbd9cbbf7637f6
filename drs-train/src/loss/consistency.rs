//! Consistency of the answers under noise.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Weights of [`consistency`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// Of the divergence.
    pub lambda: f64,
    /// Of the entropy.
    pub eta: f64,
}

/// λ·meanᵢ KL(p̄ ‖ pᵢ) + η·H(p̄) for each input, with pᵢ the softmax on its i-th
/// noisy copy and p̄ their mean (Jeong & Shin 2020, equation 9).
///
/// `logits` are `[copies, n, classes]`. All in logarithms: the mean of
/// probabilities that are 0 in f32 has a gradient too.
pub fn consistency(logits: &Tensor, weights: Consistency) -> Tensor {
    let copies = logits.size()[0] as f64;
    let each = logits.log_softmax(-1, Kind::Float);
    let mean = each.logsumexp([0i64].as_slice(), false) - copies.ln();
    let probability = mean.exp();
    let over_classes = |values: Tensor| values.sum_dim_intlist(-1, false, Kind::Float);
    let divergence = over_classes(&probability * (&mean - each.mean_dim(0, false, Kind::Float)));
    let entropy = -over_classes(&probability * &mean);
    divergence * weights.lambda + entropy * weights.eta
}
