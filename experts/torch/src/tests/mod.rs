//! Tests of the whole plugin, with PyTorch's own answers. `DRS_TEST_MODELS`
//! names another folder of the models.

mod checkpoints;
mod logits;
mod mistakes;
mod packages;
mod reference;
mod settings;

use std::env;
use std::path::{Path, PathBuf};

use drs_plugins_api::Error;
use serde_json::Value;
use tch::{Device, Tensor};

use crate::model::{Calls, Model};
use crate::network::Network;

pub(crate) const LEVELS: u16 = 255;

/// The folder of the models.
pub(crate) fn models() -> PathBuf {
    env::var_os("DRS_TEST_MODELS").map_or_else(
        || [env!("CARGO_MANIFEST_DIR"), "tests/models"].iter().collect(),
        PathBuf::from,
    )
}

/// Inputs by the formula of `generate.py`.
pub(crate) fn lattice(count: usize, shape: [usize; 3]) -> Tensor {
    let values = count * shape.iter().product::<usize>();
    let value = |i: i64| i16::try_from(i * i * 7919 % 65521 % 511 - 128).unwrap();
    let values: Vec<i16> = (0..i64::try_from(values).unwrap()).map(value).collect();
    batch(&values, shape)
}

/// Lattice values as the plugin makes tensors of them.
pub(crate) fn batch(values: &[i16], shape: [usize; 3]) -> Tensor {
    let [channels, height, width] = shape.map(|dim| i64::try_from(dim).unwrap());
    Tensor::from_slice(values).reshape([-1, channels, height, width])
}

/// Whether this processor fuses convolutions in bfloat16. On others the plugin runs them plain,
/// and says so.
pub(crate) fn fuses_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let fuses = is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq");
    #[cfg(not(target_arch = "x86_64"))]
    let fuses = false;
    fuses
}

/// That a network is fused, unless it computes in bfloat16 and this processor cannot.
#[track_caller]
pub(crate) fn assert_fused(unfused: Option<&str>, dtype: &str) {
    match unfused {
        Some(reason) if dtype == "bf16" && !fuses_bf16() => {
            assert!(reason.contains("needs the cpu support"), "{reason}");
        }
        found => assert_eq!(found, None, "{dtype}"),
    }
}

/// What PyTorch answers, input after input: the rows of `name` in a table.
pub(crate) fn answers(table: &Path, name: &str) -> Vec<f32> {
    let text = std::fs::read_to_string(table).unwrap();
    let rows = text.lines().map(|line| line.split(','));
    let rows = rows.filter_map(|mut row| (row.next() == Some(name)).then_some(row.skip(1)));
    let answers: Vec<f32> = rows.flatten().map(|logit| logit.parse().unwrap()).collect();
    assert!(!answers.is_empty(), "{name} has rows");
    answers
}

/// All values, in order.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.to_kind(tch::Kind::Float).contiguous().reshape([-1])).unwrap()
}

/// The largest difference of two lists that are equally long.
#[track_caller]
pub(crate) fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    // NaN is larger than everything here.
    differences.max_by(f32::total_cmp).unwrap()
}

#[track_caller]
fn answers_alike(found: &Tensor, expected: &Tensor, tolerance: f32) {
    assert_eq!(found.size(), expected.size());
    let difference = largest_difference(&values(found), &values(expected));
    assert!(difference <= tolerance, "off by {difference}");
}

pub(crate) fn largest(values: &[f32]) -> f32 {
    largest_difference(values, &vec![0.0; values.len()])
}

/// The network of a `config` table, on the CPU.
fn network(config: &Value, shape: [usize; 3]) -> Result<Network, Error> {
    let mut config = config.clone();
    config["sigma"] = 0.25.into();
    let config: crate::config::Config = serde_json::from_value(config).unwrap();
    let path = models().join(&config.model);
    let model =
        Model::open(&config, path, shape, &[Device::Cpu], &Calls { at_once: 2, inputs: 64 })?;
    Ok(model.networks.into_iter().next().unwrap())
}
