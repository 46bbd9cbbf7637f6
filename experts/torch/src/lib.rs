//! The `torch` plugin: PyTorch models as experts, through libtorch.
//!
//! * `config.rs`: the `config` table of experts.toml.
//! * `model.rs`: from a model file to networks, one for each device.
//! * `weights.rs`, `architecture.rs`: checkpoints and the networks they belong to.
//! * `network/`: freezing, fusing and running, with the C++ that tch does not bind.
//! * `package/`: networks that PyTorch compiled to native code.
//! * `draw/`: noise drawn on the device, the same integers as the host's.
//! * `replica.rs`: a network on its device; `lane/`: how batches get there; `votes.rs`: what comes back.
//! * `plugin.rs`: all of it as an expert.
//!
//! Models take `[batch, channels, height, width]` floats in \[0, 1\] and answer
//! with logits or probabilities per class.

mod architecture;
mod config;
#[cfg(test)]
mod conformance;
mod constant;
mod draw;
mod explain;
mod lane;
mod model;
mod network;
mod package;
mod plugin;
mod precision;
mod replica;
#[cfg(test)]
mod tests;
mod texts;
mod tune;
mod votes;
mod weights;

use drs_plugins_api::export_expert;

export_expert!(plugin::TorchExpert);

/// A size as libtorch takes it.
fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
