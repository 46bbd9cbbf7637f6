//! Steps downhill. All state is in named tensors, so that a run can be continued.

mod schedule;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::Tensor;

pub use schedule::Schedule;

/// The method and its settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Method {
    /// Stochastic gradient descent with momentum; the decay is added to the
    /// gradient, as in PyTorch.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Momentum.
        #[serde(default = "momentum")]
        momentum: f64,
        /// Weight decay.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Loshchilov & Hutter 2019, with PyTorch's β = (0.9, 0.999), ε = 1e-8.
    AdamW {
        /// Learning rate.
        lr: f64,
        /// Weight decay, apart from the gradient.
        #[serde(default = "decay")]
        weight_decay: f64,
    },
}

fn momentum() -> f64 {
    0.9
}

fn decay() -> f64 {
    0.01
}

const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// A method and what it remembers.
#[derive(Debug)]
pub struct Optimiser {
    method: Method,
    steps: i32,
    /// `{tensor}.momentum`, `{tensor}.square`.
    memory: BTreeMap<String, Tensor>,
}

impl Optimiser {
    /// A fresh start.
    #[must_use]
    pub fn new(method: Method) -> Self {
        Self { method, steps: 0, memory: BTreeMap::new() }
    }

    /// Continues after so many steps with what was remembered.
    #[must_use]
    pub fn resumed(method: Method, steps: i32, memory: BTreeMap<String, Tensor>) -> Self {
        Self { method, steps, memory }
    }

    /// What it remembers.
    #[must_use]
    pub fn memory(&self) -> &BTreeMap<String, Tensor> {
        &self.memory
    }

    /// Steps so far.
    #[must_use]
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// Moves all trained tensors by their gradients, which are zero afterwards;
    /// the learning rate is multiplied by `factor`.
    pub fn step<'a>(&mut self, trained: impl Iterator<Item = (&'a str, &'a Tensor)>, factor: f64) {
        self.steps += 1;
        tch::no_grad(|| {
            for (name, tensor) in trained {
                let mut gradient = tensor.grad();
                if !gradient.defined() {
                    continue;
                }
                let mut tensor = tensor.shallow_clone();
                match self.method {
                    Method::Sgd { lr, momentum, weight_decay } => {
                        let mut velocity = self.remembered(name, "momentum", &tensor);
                        velocity *= momentum;
                        velocity += &gradient + &tensor * weight_decay;
                        tensor -= velocity * (lr * factor);
                    }
                    Method::AdamW { lr, weight_decay } => {
                        let rate = lr * factor;
                        let mut mean = self.remembered(name, "momentum", &tensor);
                        let mut square = self.remembered(name, "square", &tensor);
                        mean *= BETAS[0];
                        mean += &gradient * (1.0 - BETAS[0]);
                        square *= BETAS[1];
                        square += &gradient * &gradient * (1.0 - BETAS[1]);
                        let [first, second] = BETAS.map(|beta| 1.0 - beta.powi(self.steps));
                        let scale = (square / second).sqrt() + EPSILON;
                        tensor *= 1.0 - rate * weight_decay;
                        tensor -= mean / first / scale * rate;
                    }
                }
                let _ = gradient.zero_();
            }
        });
    }

    /// A tensor of the memory, by reference to its values.
    fn remembered(&mut self, name: &str, what: &str, like: &Tensor) -> Tensor {
        let fresh = || like.detach().zeros_like();
        self.memory.entry(format!("{name}.{what}")).or_insert_with(fresh).shallow_clone()
    }
}
