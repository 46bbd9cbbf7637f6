//! How every expert votes on every training input: what routers learn from.
//!
//! A folder: `labels.json` says whose votes these are and how they were drawn,
//! `part-000000.npz`, … hold them, [`PART`] inputs each:
//!
//! * `index` (int64, n): the input's index in its data set;
//! * `label` (int64, n): its class;
//! * `votes` (uint32, n × experts × classes): votes on noisy copies.

mod draw;
mod part;
mod radii;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use drs_core::certificate::ModelRecord;
use drs_core::noise::Seed;
use drs_data::OpenOptions;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

pub use draw::{Drawing, draw};
pub use radii::{Radius, radii};

use part::Part;

/// Inputs in a part.
pub const PART: usize = 500;

/// Whose votes, on what, how drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Of this description.
    pub version: u32,
    /// The experts, in order.
    pub experts: Vec<ModelRecord>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Noisy copies of each input for each expert.
    pub draws: u64,
    /// Of the noise.
    pub seed: Seed,
    /// The data set.
    pub data: PathBuf,
    /// How it is read: its part, its labels, and how these became the experts' classes.
    pub reading: OpenOptions,
    /// First index, step and most inputs of it.
    pub subset: (usize, usize, Option<usize>),
    /// All inputs.
    pub inputs: usize,
}

/// 1 told less of how the data are read, and held votes on the draws of certificates with the
/// same seed.
const VERSION: u32 = 2;

/// All votes of a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// Whose votes.
    pub header: Header,
    /// Indices in the data set, rising.
    pub indices: Vec<usize>,
    /// Classes.
    pub labels: Vec<usize>,
    /// Votes by input, expert and class.
    pub votes: Array3<u32>,
}

impl Header {
    fn path(folder: &Path) -> PathBuf {
        folder.join("labels.json")
    }

    /// Reads the description of a folder.
    ///
    /// # Errors
    /// If it is missing or broken.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = Self::path(folder);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let header: Self =
            serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let version = header.version;
        ensure!(
            version == VERSION,
            "{}: version {version} found, expected {VERSION}: another release of drs drew these votes; draw them again into another folder with `drs train label`",
            path.display()
        );
        Ok(header)
    }

    fn parts(&self) -> usize {
        self.inputs.div_ceil(PART)
    }
}

impl Labels {
    /// Reads a folder that [`draw`] has finished.
    ///
    /// # Errors
    /// If a file is missing, broken or does not fit the others.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let header = Header::read(folder)?;
        let (experts, classes) = (header.experts.len(), header.classes.len());
        let (mut indices, mut labels, mut votes) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..header.parts() {
            let path = Part::path(folder, number);
            let part = Part::read(&path, &header).with_context(|| {
                format!("{} (`drs train label` with the same settings makes it)", path.display())
            })?;
            indices.extend(part.indices);
            labels.extend(part.labels);
            votes.extend(part.votes);
        }
        ensure!(
            indices.len() == header.inputs,
            "{}: {} inputs, expected {}",
            folder.display(),
            indices.len(),
            header.inputs
        );
        let votes = Array3::from_shape_vec((indices.len(), experts, classes), votes)?;
        Ok(Self { header, indices, labels, votes })
    }
}
