#![forbid(unsafe_code)]
//! Training of experts and routers, on libtorch.
//!
//! * [`expert`]: base classifiers that stand noise.
//! * [`adaptive`]: fine-tuning where a router sends inputs.
//! * [`adversary`]: inputs moved against the smoothed classifier.
//! * [`labels`]: how experts vote on training inputs.
//! * [`router`]: base classifiers over experts, for what certificates are worth.
//! * [`choose`]: the terms of the blended rule, by held-out inputs.
//! * [`iterate`]: all of these, round after round.
//! * [`join`]: a router that shares an expert's network.
//! * [`export`]: trained networks as ONNX and TorchScript.
//! * [`network`], [`loss`], [`optimiser`], [`images`]: what training is made of.
//! * [`run`]: epochs, checkpoints, curves; a run that was stopped goes on.
//! * [`events`], [`files`]: what a run writes.

pub mod adaptive;
pub mod adversary;
pub mod choose;
pub mod config;
pub mod events;
pub mod expert;
pub mod export;
pub mod files;
pub mod images;
pub mod iterate;
pub mod join;
pub mod labels;
pub mod loss;
pub mod network;
pub mod optimiser;
mod pool;
pub mod router;
pub mod run;
mod start;
mod threads;
