//! What routers are trained for, by the radii that each expert certifies.

use tch::{Kind, Tensor};

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
