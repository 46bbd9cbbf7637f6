//! What the `config` table sets, through the ABI.

use std::sync::Mutex;

use drs_plugins_api::abi::OpenRequest;
use drs_plugins_api::abi_stable::std_types::{RSlice, RSliceMut, RStr};
use drs_plugins_api::{DRAWS, Error, Manifest, in_process};
use serde_json::{Value, json};

use super::{LEVELS, models};
use crate::plugin::TorchExpert;

/// What the plugin told its user, all tests together.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

extern "C" fn log(level: u8, plugin: RStr<'_>, message: RStr<'_>) {
    LOG.lock().unwrap().push(format!("{level} {plugin}: {message}"));
}

type Votes = Box<dyn Fn(&[i16]) -> Result<Vec<u32>, Error>>;

/// An expert, as the host would hold it.
pub(super) struct Opened {
    pub(super) manifest: Manifest,
    /// Votes for inputs that count, all of them.
    pub(super) votes: Votes,
}

/// The `config` table of a small model, with changes.
pub(super) fn small(more: Value) -> Value {
    let mut config =
        json!({ "kind": "torchscript", "model": "small.pt", "sigma": 0.25, "classes": 5 });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

pub(super) fn try_open(shape: [usize; 3], config: &Value) -> Result<Opened, Error> {
    let (config, folder) = (config.to_string(), models());
    let request = OpenRequest {
        config: config.as_str().into(),
        base_dir: folder.to_str().unwrap().into(),
        shape: shape.map(|dim| dim as u64),
        levels: LEVELS,
        log,
    };
    let expert = in_process::<TorchExpert>().open()(request).into_result()?;
    let manifest = serde_json::from_str(expert.manifest().as_str()).unwrap();
    let votes = move |batch: &[i16]| {
        let mut votes = vec![u32::MAX; batch.len() / shape.iter().product::<usize>()];
        let (rows, room) = (votes.len(), RSliceMut::from_mut_slice(&mut votes));
        expert.vote(RSlice::from_slice(batch), rows, room).into_result()?;
        Ok(votes)
    };
    Ok(Opened { manifest, votes: Box::new(votes) })
}

fn open(more: Value) -> Opened {
    try_open([1, 8, 8], &small(more)).unwrap()
}

fn inputs() -> Vec<i16> {
    let tensor = super::lattice(64, [1, 8, 8]).reshape([-1]);
    Vec::try_from(tensor).unwrap()
}

#[test]
fn an_automatic_batch_is_one_that_was_measured() {
    // A batch that no other test has, in case they log at the same time.
    let batch = open(json!({ "batch": "auto" })).manifest.preferred_batch;
    assert!([8, 16, 32, 64, 128, 256, 512, 1024].contains(&batch), "{batch}");
    let log = LOG.lock().unwrap();
    let report = log.iter().find(|line| line.contains("inputs per second by batch size"));
    let report = report.unwrap_or_else(|| panic!("a report in {log:?}"));
    assert!(report.starts_with(&format!("3 torch: batch = {batch} is fastest")), "{report}");
    assert!(report.contains(&format!("{batch}: ")) && report.contains("8: "), "{report}");
}

#[test]
fn a_fixed_batch_is_taken_as_it_is() {
    assert_eq!(open(json!({ "batch": 37 })).manifest.preferred_batch, 37);
    let log = LOG.lock().unwrap();
    assert!(log.iter().any(|line| line.contains("on cpu, F32, batches of 37")), "{log:?}");
}

/// Several threads add nothing but time: the votes are the same.
#[test]
fn threads_leave_the_votes_alone() {
    let one = open(json!({}));
    assert_eq!(one.manifest.concurrency, 0, "any number of calls of one thread each");
    let two = open(json!({ "threads": 2 }));
    assert!(two.manifest.concurrency >= 1, "cores are shared out");
    let votes = (one.votes)(&inputs()).unwrap();
    assert_eq!((two.votes)(&inputs()).unwrap(), votes);
    assert_eq!((one.votes)(&inputs()).unwrap(), votes, "after the other on one thread");
    assert!(votes.iter().any(|&vote| vote != votes[0]), "{votes:?}");
}

#[test]
fn one_device_may_be_written_as_a_list() {
    let votes = |more| (open(more).votes)(&inputs()).unwrap();
    assert_eq!(votes(json!({ "devices": ["cpu"] })), votes(json!({ "device": "cpu" })));
}

#[test]
fn the_host_draws_unless_told_otherwise() {
    assert!(open(json!({})).manifest.capabilities.is_empty());
    assert!(open(json!({ "draw": "host" })).manifest.capabilities.is_empty());
    assert_eq!(open(json!({ "draw": "device" })).manifest.capabilities, [DRAWS]);
}
