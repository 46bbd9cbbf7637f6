//! Adversarial training of the smoothed classifier.

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// SmoothAdv, by projected gradient ascent (Salman et al. 2019, "Provably robust deep
/// learning via adversarially trained smoothed classifiers", §3): inputs are moved, noise stays,
/// to where the mean softmax over the noisy copies has least of the true class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adversary {
    /// Inputs are moved within this L2 distance (pixels in \[0, 1\]).
    pub epsilon: f64,
    /// Steps of the ascent, each 2ε/steps long.
    #[serde(default = "steps")]
    pub steps: usize,
    /// The distance grows from 0 over so many epochs.
    #[serde(default)]
    pub warmup: f64,
}

fn steps() -> usize {
    2
}

impl Adversary {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// If the distance is not above 0, there is no step, or the warm-up is negative.
    pub fn check(&self) -> anyhow::Result<()> {
        let Self { epsilon, steps, warmup } = *self;
        ensure!(
            epsilon > 0.0 && epsilon.is_finite(),
            "adversary.epsilon: {epsilon} found, expected a number above 0"
        );
        ensure!(steps > 0, "adversary.steps: 0 found, expected at least 1");
        ensure!(warmup >= 0.0, "adversary.warmup: {warmup} found, expected epochs from 0");
        Ok(())
    }

    /// Moves `inputs` `[n, …]` of classes `labels` `[n]`, `epoch` epochs into training.
    ///
    /// `logits` takes `[copies · n, …]`; `noise` has that shape, the copies one after the other.
    pub fn attack(
        &self,
        logits: impl Fn(&Tensor) -> Tensor,
        inputs: &Tensor,
        labels: &Tensor,
        noise: &Tensor,
        epoch: f64,
    ) -> Tensor {
        let grown = if self.warmup > 0.0 { (epoch / self.warmup).min(1.0) } else { 1.0 };
        let epsilon = self.epsilon * grown;
        let n = inputs.size()[0];
        let mut repeats = vec![1; inputs.dim()];
        repeats[0] = noise.size()[0] / n;
        let each = vec![-1].into_iter().chain(vec![1; inputs.dim() - 1]).collect::<Vec<i64>>();
        let norms = |tensor: &Tensor| {
            let norm = tensor.flatten(1, -1).norm_scalaropt_dim(2.0, [-1i64].as_slice(), false);
            norm.clamp_min(1e-12).reshape(&each)
        };
        let mut moved = inputs.detach();
        for _ in 0..self.steps {
            let at = moved.detach().set_requires_grad(true);
            let votes = logits(&(at.repeat(&repeats) + noise)).log_softmax(-1, Kind::Float);
            let votes = votes.reshape([repeats[0], n, -1]).logsumexp([0i64].as_slice(), false);
            // Of the network's own tensors nothing is asked, so their gradients stay.
            let loss = votes.nll_loss(labels);
            let gradients = Tensor::run_backward(&[loss], &[&at], false, false);
            let _unchanged = tch::no_grad_guard();
            let step = &gradients[0] / norms(&gradients[0]) * (2.0 * epsilon / self.steps as f64);
            let away = at.detach() + step - inputs;
            let within = (norms(&away).reciprocal() * epsilon).clamp_max(1.0);
            moved = (inputs + away * within).clamp(0.0, 1.0);
        }
        moved
    }
}
