//! Labelled inputs by index.

mod folder;
mod idx;

use std::path::Path;

use drs_core::lattice::LatticeInput;

use crate::InputSpec;
use crate::error::DataError;

/// One labelled input.
#[derive(Debug, Clone)]
pub struct Example {
    /// Index in the data set.
    pub index: usize,
    /// Class by index.
    pub label: usize,
    /// The input.
    pub input: LatticeInput,
    /// Where it came from: a path, or the index.
    pub name: String,
}

/// How a data set is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// Prefix of IDX files: `t10k` or `train`.
    pub split: String,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { split: "t10k".to_owned() }
    }
}

/// Labelled inputs, decoded on demand.
#[derive(Debug)]
pub struct Dataset(Layout);

#[derive(Debug)]
enum Layout {
    Idx(idx::Idx),
    Folder(folder::Folder),
}

impl Dataset {
    /// Opens a folder of IDX files (`{split}-images-idx3-ubyte` and
    /// `{split}-labels-idx1-ubyte`, plain or `.gz`) or, where there are none, an
    /// ImageFolder: one folder per class, sorted by name.
    ///
    /// # Errors
    /// If the folder holds neither, or what it holds is broken or has another shape.
    pub fn open(path: &Path, spec: InputSpec, options: &OpenOptions) -> Result<Self, DataError> {
        if !path.is_dir() {
            let problem = if path.exists() { "not a folder" } else { "no such folder" };
            return Err(DataError::new(path, format!("{problem}, expected a data set")));
        }
        match idx::Idx::open(path, spec, &options.split)? {
            Some(idx) => Ok(Self(Layout::Idx(idx))),
            None => folder::Folder::open(path, spec, &options.split).map(Layout::Folder).map(Self),
        }
    }

    /// The number of inputs.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Layout::Idx(idx) => idx.len(),
            Layout::Folder(folder) => folder.len(),
        }
    }

    /// Whether there is no input.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of the classes, where the layout tells them.
    #[must_use]
    pub fn classes(&self) -> Option<&[String]> {
        match &self.0 {
            Layout::Idx(_) => None,
            Layout::Folder(folder) => Some(folder.classes()),
        }
    }

    /// Reads one input.
    ///
    /// # Errors
    /// If its file cannot be read, or `index` is out of range.
    pub fn get(&self, index: usize) -> Result<Example, DataError> {
        match &self.0 {
            Layout::Idx(idx) => idx.get(index),
            Layout::Folder(folder) => folder.get(index),
        }
    }
}
