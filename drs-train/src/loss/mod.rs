//! What is minimised. Each function gives one value per input, in f32.

mod certificate;
mod consistency;
mod route;

use tch::{Kind, Reduction, Tensor};

pub use certificate::{Certificate, Claim, certificate, maxmin_claims};
pub use consistency::{Consistency, consistency};
pub use route::{Weigh, balance, soft_labels, utility};

/// Cross-entropy of `logits` `[n, classes]` with classes by index `[n]`.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Tensor {
    logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::None, -100, 0.0)
}

/// Cross-entropy of `logits` `[n, classes]` with probabilities of the same shape.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor) -> Tensor {
    -(logits.log_softmax(-1, Kind::Float) * targets).sum_dim_intlist(-1, false, Kind::Float)
}
