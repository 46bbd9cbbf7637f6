//! Labelled inputs by index.

mod arrays;
mod cifar;
mod folder;
mod idx;
mod packed;
mod parquet;

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
    /// `test` or `train`, where a data set has both; for IDX files any prefix.
    pub split: String,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { split: "test".to_owned() }
    }
}

/// Labelled inputs. Images are decoded on demand, arrays lie in memory.
#[derive(Debug)]
pub struct Dataset(Layout);

#[derive(Debug)]
enum Layout {
    Packed(packed::Packed),
    Parquet(parquet::Images),
    Folder(folder::Folder),
}

impl Dataset {
    /// Opens what is there:
    ///
    /// * an `.npz` file, or a folder with `.npy` files, of images (n×C×H×W, n×H×W
    ///   or n×H×W×C; uint8, or floats in [0, 1]) and labels;
    /// * a folder of IDX files, `{split}-images-idx3-ubyte` and
    ///   `{split}-labels-idx1-ubyte`, plain or `.gz`;
    /// * a `.parquet` file, or a folder of them (`{split}*.parquet`, also in `data/`), as
    ///   on the Hugging Face hub: `image{bytes}` and `label`;
    /// * a folder of CIFAR-10's or CIFAR-100's binary files;
    /// * an ImageFolder: one folder per class, sorted by name.
    ///
    /// # Errors
    /// If it is none of these, or what it holds is broken or has another shape.
    pub fn open(path: &Path, spec: InputSpec, options: &OpenOptions) -> Result<Self, DataError> {
        if !path.exists() {
            return Err(DataError::new(path, "no such folder or file, expected a data set"));
        }
        if let Some(packed) = arrays::open(path, spec)? {
            return Ok(Self(Layout::Packed(packed)));
        }
        if let Some(images) = parquet::open(path, spec, &options.split)? {
            return Ok(Self(Layout::Parquet(images)));
        }
        if !path.is_dir() {
            return Err(DataError::new(
                path,
                "not a folder, expected a data set: a folder, an .npz file or a .parquet file",
            ));
        }
        for open in [idx::open, cifar::open] {
            if let Some(packed) = open(path, spec, &options.split)? {
                return Ok(Self(Layout::Packed(packed)));
            }
        }
        folder::Folder::open(path, spec, &options.split).map(Layout::Folder).map(Self)
    }

    /// The number of inputs.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Layout::Packed(packed) => packed.len(),
            Layout::Parquet(images) => images.len(),
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
            Layout::Packed(packed) => packed.classes.as_deref(),
            Layout::Parquet(images) => images.classes(),
            Layout::Folder(folder) => Some(folder.classes()),
        }
    }

    /// Reads one input.
    ///
    /// # Errors
    /// If its file cannot be read, or `index` is out of range.
    pub fn get(&self, index: usize) -> Result<Example, DataError> {
        match &self.0 {
            Layout::Packed(packed) => packed.get(index),
            Layout::Parquet(images) => images.get(index),
            Layout::Folder(folder) => folder.get(index),
        }
    }
}
