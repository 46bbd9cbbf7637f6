//! What host and worker say to each other: JSON behind its length.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use drs_plugins_api::{Manifest, PluginInfo};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plugin::Opening;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Which files the model is made of.
    Files(Opening),
    Open(Opening),
    /// From now on batches are in this file, of so many values.
    Map {
        path: PathBuf,
        values: usize,
    },
    /// The batch is the first values of the shared memory.
    Vote {
        values: usize,
        rows: usize,
    },
    /// The noise of all draws to come.
    Noise(Table),
    /// The segments' inputs are the first values of the shared memory, one after the other.
    Draw {
        inputs: usize,
        segments: Vec<Segment>,
        padded_rows: usize,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) cells: Vec<i16>,
    pub(super) thresholds_high: Vec<u32>,
    pub(super) thresholds_low: Vec<u64>,
    pub(super) lowest: i16,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Segment {
    pub(super) key: [u8; 32],
    pub(super) first: u64,
    pub(super) rows: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Files(Option<Vec<PathBuf>>),
    Opened {
        info: PluginInfo,
        manifest: Manifest,
    },
    Done,
    Votes(Vec<u32>),
    /// The plugin's own error.
    Failed(String),
}

/// Longer messages are not ours.
const LONGEST: u32 = 1 << 28;

pub(super) fn send(stream: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|&length| length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("the message is too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    stream.write_all(&bytes)
}

pub(super) fn receive<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::Error::other("what came is no message"));
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}
