//! Inputs and labels by index.

mod arrays;
mod cifar;
mod folder;
mod idx;
mod labels;
mod packed;
mod parquet;
mod planes;
mod splits;
mod stl10;
mod svhn;

use std::path::Path;

use drs_core::lattice::LatticeInput;

use crate::error::DataError;
use crate::{Image, InputSpec};

pub use labels::Labels;

/// One input.
#[derive(Debug, Clone)]
pub struct Example {
    /// Index in the data set.
    pub index: usize,
    /// Class by index; `None` if the data set has no labels.
    pub label: Option<usize>,
    /// The input.
    pub input: LatticeInput,
    /// Where it came from: a path, or the index.
    pub name: String,
    /// What was done to its pixels, in words ([`Image::conversion`]).
    pub conversion: Option<String>,
}

impl Example {
    fn of(index: usize, label: Option<usize>, image: Image, name: String) -> Self {
        let Image { input, conversion } = image;
        Self { index, label, input, name, conversion }
    }
}

/// How a data set is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// `test`, `train` or another part, where a data set has parts; for IDX files any prefix.
    pub split: String,
    /// Where labels come from.
    pub labels: Labels,
    /// Which corruption, where a folder has an array for each, as CIFAR-10-C does.
    pub corruption: Option<String>,
    /// Its severity, 1 to 5: a fifth of the array. All of them without it.
    pub severity: Option<usize>,
    /// Which configuration, where a folder of the Hugging Face hub has several.
    pub configuration: Option<String>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            split: "test".to_owned(),
            labels: Labels::Own,
            corruption: None,
            severity: None,
            configuration: None,
        }
    }
}

impl OpenOptions {
    /// Whether no option is given that this data does not have: none may be left unheard.
    fn only(&self, path: &Path, heard: &[&str]) -> Result<(), DataError> {
        let given = [
            ("--corruption", self.corruption.is_some()),
            ("--severity", self.severity.is_some()),
            ("--configuration", self.configuration.is_some()),
        ];
        match given.iter().find(|(name, given)| *given && !heard.contains(name)) {
            None => Ok(()),
            Some((name, _)) => {
                let why = match *name {
                    "--configuration" => "folders of the Hugging Face hub have configurations",
                    _ => "corruptions and severities are those of CIFAR-10-C's arrays",
                };
                Err(DataError::new(
                    path,
                    format!("{name} is given, which this data does not have ({why}): leave it out"),
                ))
            }
        }
    }
}

/// Inputs and their labels. Images are decoded on demand, arrays lie in memory.
#[derive(Debug)]
pub struct Dataset {
    layout: Layout,
    labels: Known,
}

/// The labels there are.
#[derive(Debug)]
enum Known {
    /// The layout's own.
    Own,
    None,
    /// From a file, one for each input.
    Given(Vec<usize>),
}

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
    ///   or n×H×W×C; uint8, or floats in [0, 1]) and labels, the split's if they name
    ///   splits (`x_test`, `test_images`); or one `.npy` file of images, with
    ///   `labels.npy` beside it;
    /// * CIFAR-10-C's folder, or one of its files;
    /// * a folder of IDX files, `{split}-images-idx3-ubyte` and
    ///   `{split}-labels-idx1-ubyte`, plain or `.gz`;
    /// * a `.parquet` file, or a folder of them, as on the Hugging Face hub
    ///   (`data/{split}-00000-of-00001.parquet`, or a folder for each configuration);
    /// * a folder of CIFAR-10's or CIFAR-100's binary or python version;
    /// * a folder of STL-10's binary version;
    /// * SVHN's cropped digits, a `.mat` file or a folder of them;
    /// * an ImageFolder: one folder per class, sorted by name; or a folder of images.
    ///
    /// # Errors
    /// If it is none of these, what it holds is broken or has another shape, or
    /// there is no label where `options` ask for one.
    pub fn open(path: &Path, spec: InputSpec, options: &OpenOptions) -> Result<Self, DataError> {
        let layout = Layout::open(path, spec, options)?;
        let labels = match &options.labels {
            Labels::Own => Known::Own,
            Labels::None => Known::None,
            Labels::File(file) => {
                let names: Vec<String> =
                    (0..layout.len()).map(|index| layout.name(index)).collect();
                Known::Given(labels::read(file, &names, layout.classes())?)
            }
        };
        Ok(Self { layout, labels })
    }

    /// The number of inputs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.len()
    }

    /// Whether there is no input.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of the classes, where the layout tells them.
    #[must_use]
    pub fn classes(&self) -> Option<&[String]> {
        self.layout.classes()
    }

    /// The class of an input by index, which is known without reading it; `None` if there is
    /// none, or no such input.
    #[must_use]
    pub fn label(&self, index: usize) -> Option<usize> {
        match &self.labels {
            Known::Own => self.layout.label(index),
            Known::None => None,
            Known::Given(labels) => labels.get(index).copied(),
        }
    }

    /// Reads one input.
    ///
    /// # Errors
    /// If its file cannot be read, or `index` is out of range.
    pub fn get(&self, index: usize) -> Result<Example, DataError> {
        let mut example = self.layout.get(index)?;
        example.label = self.label(index);
        Ok(example)
    }
}

impl Layout {
    fn open(path: &Path, spec: InputSpec, options: &OpenOptions) -> Result<Self, DataError> {
        if !path.exists() {
            return Err(DataError::new(path, "no such folder or file, expected a data set"));
        }
        if let Some(packed) = arrays::open(path, spec, options)? {
            return Ok(Self::Packed(packed));
        }
        if let Some(packed) = svhn::open(path, spec, options)? {
            return Ok(Self::Packed(packed));
        }
        if let Some(images) = parquet::open(path, spec, options)? {
            return Ok(Self::Parquet(images));
        }
        if !path.is_dir() {
            return Err(DataError::new(
                path,
                "not a folder, expected a data set: a folder, or an .npz, .npy, .parquet or .mat file",
            ));
        }
        options.only(path, &[])?;
        for open in [idx::open, cifar::open, stl10::open] {
            if let Some(packed) = open(path, spec, options)? {
                return Ok(Self::Packed(packed));
            }
        }
        folder::Folder::open(path, spec, options).map(Self::Folder)
    }

    fn len(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.len(),
            Self::Parquet(images) => images.len(),
            Self::Folder(folder) => folder.len(),
        }
    }

    fn classes(&self) -> Option<&[String]> {
        match self {
            Self::Packed(packed) => packed.classes.as_deref(),
            Self::Parquet(images) => images.classes(),
            Self::Folder(folder) => folder.classes(),
        }
    }

    fn name(&self, index: usize) -> String {
        match self {
            Self::Folder(folder) => folder.name(index),
            Self::Packed(_) | Self::Parquet(_) => index.to_string(),
        }
    }

    fn label(&self, index: usize) -> Option<usize> {
        match self {
            Self::Packed(packed) => packed.labels.as_ref()?.get(index).copied(),
            Self::Parquet(images) => images.label(index),
            Self::Folder(folder) => folder.label(index),
        }
    }

    fn get(&self, index: usize) -> Result<Example, DataError> {
        match self {
            Self::Packed(packed) => packed.get(index),
            Self::Parquet(images) => images.get(index),
            Self::Folder(folder) => folder.get(index),
        }
    }
}
