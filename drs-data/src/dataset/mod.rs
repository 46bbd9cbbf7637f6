//! Inputs and labels by index.

mod arrays;
mod brought;
mod cifar;
mod classes;
mod folder;
mod idx;
mod labels;
mod options;
mod packed;
mod parquet;
mod parts;
mod planes;
mod root;
mod splits;
mod stl10;
mod svhn;
mod walk;

use std::path::Path;

use drs_core::lattice::LatticeInput;

use crate::error::DataError;
use crate::{Image, InputSpec};

pub use brought::{Brought, Inputs};
pub use classes::Classes;
use classes::{Counted, Names, Raw};
pub use labels::Labels;
pub use options::OpenOptions;

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

/// Inputs and their labels. Images are decoded on demand, arrays lie in memory.
#[derive(Debug)]
pub struct Dataset {
    layout: Layout,
    /// As they were read; `None` if there are no labels.
    raw: Option<Raw>,
    /// As they count.
    labels: Option<Vec<usize>>,
    names: Option<Vec<String>>,
    notes: Vec<String>,
    classes: Classes,
}

#[derive(Debug)]
enum Layout {
    Packed(packed::Packed),
    Parquet(parquet::Images),
    Folder(folder::Folder),
    Brought(Brought),
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
    /// * the folder around one of these, as torchvision downloads them
    ///   (`cifar-10-batches-py`, `MNIST/raw`);
    /// * an ImageFolder: one folder per class, sorted by name; or a folder of images.
    ///
    /// Labels are in the data set's own order: [`Dataset::for_experts`] tells them as experts
    /// count.
    ///
    /// # Errors
    /// If it is none of these, what it holds is broken or has another shape, or
    /// there is no label where `options` ask for one.
    pub fn open(path: &Path, spec: InputSpec, options: &OpenOptions) -> Result<Self, DataError> {
        let layout = Layout::open(path, spec, options)?;
        let first = options.labels_from;
        let read = |file: &Path| {
            let inputs: Vec<String> = (0..layout.len()).map(|index| layout.name(index)).collect();
            labels::read(file, &inputs, layout.classes(), first)
        };
        let raw = match (&options.labels, layout.table()) {
            (Labels::None, _) => None,
            (Labels::File(file), _) => Some(read(file)?),
            (Labels::Own, Some(table)) => Some(read(table)?),
            (Labels::Own, None) => layout.labels().map(|labels| {
                let source = path.to_owned();
                Raw { source, labels, names: layout.names(), first, note: None }
            }),
        };
        Self::counted(layout, raw, options.classes.clone())
    }

    /// Inputs that the caller brings; `classes` as in [`OpenOptions`].
    ///
    /// # Errors
    /// If there are not as many labels as inputs.
    pub fn brought(brought: Brought, classes: Classes) -> Result<Self, DataError> {
        let raw = brought.raw()?;
        Self::counted(Layout::Brought(brought), raw, classes)
    }

    fn counted(layout: Layout, raw: Option<Raw>, classes: Classes) -> Result<Self, DataError> {
        let counted = raw.as_ref().map(Raw::own).transpose()?;
        let of_labels = raw.as_ref().and_then(|raw| raw.note.clone());
        let notes = layout.note().map(str::to_owned).into_iter().chain(of_labels).collect();
        let data = Self { layout, raw, labels: None, names: None, notes, classes };
        Ok(match counted {
            Some(counted) => data.with(counted),
            None => data,
        })
    }

    /// Tells labels as the experts count their classes, which have these names. Class names
    /// of the data set (folders, lists, names in label files) are matched as the options say
    /// that it was opened with: by default by name, in any order, also a part of the experts'.
    /// Numbers are numbers.
    ///
    /// # Errors
    /// If names do not fit, or a label is outside the experts' classes.
    pub fn for_experts(self, experts: &[String]) -> Result<Self, DataError> {
        let Some(raw) = &self.raw else {
            let names = Some(self.classes.of(experts)?.into_owned());
            return Ok(Self { names, ..self });
        };
        let counted = raw.matched(experts, &self.classes, |index| self.layout.name(index))?;
        Ok(self.with(counted))
    }

    fn with(mut self, counted: Counted) -> Self {
        self.notes.extend(counted.notes);
        Self { labels: Some(counted.labels), names: counted.classes, ..self }
    }

    /// Whether labels are names, which mean the experts' classes only after
    /// [`Dataset::for_experts`].
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.raw.as_ref().is_some_and(|raw| raw.names.is_some())
    }

    /// What was assumed or left out, a sentence each: for the user.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
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

    /// Names of the classes: the experts' after [`Dataset::for_experts`], or the data set's
    /// own where it has any, in the order of the labels.
    #[must_use]
    pub fn classes(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// The class of an input by index, which is known without reading it; `None` if there is
    /// none, or no such input.
    #[must_use]
    pub fn label(&self, index: usize) -> Option<usize> {
        self.labels.as_ref()?.get(index).copied()
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
        let within = root::find(path)?;
        let path = within.as_deref().unwrap_or(path);
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
            Self::Brought(brought) => brought.inputs.count(),
        }
    }

    fn classes(&self) -> Option<&[String]> {
        match self {
            Self::Packed(packed) => packed.classes.as_deref(),
            Self::Parquet(images) => images.classes(),
            Self::Folder(folder) => folder.classes(),
            Self::Brought(brought) => brought.classes.as_deref(),
        }
    }

    fn name(&self, index: usize) -> String {
        match self {
            Self::Folder(folder) => folder.name(index),
            Self::Packed(_) | Self::Parquet(_) | Self::Brought(_) => index.to_string(),
        }
    }

    /// The names behind the labels.
    fn names(&self) -> Option<Names> {
        let what = match self {
            Self::Folder(_) => "class folders",
            Self::Packed(_) | Self::Parquet(_) | Self::Brought(_) => "class names of the data set",
        };
        let list = self.classes()?.to_vec();
        let are_stored_places = !matches!(self, Self::Folder(_));
        Some(Names { list, what: what.to_owned(), are_stored_places })
    }

    /// The labels of all inputs, as they are stored.
    fn labels(&self) -> Option<Vec<usize>> {
        let label = |index| match self {
            Self::Packed(packed) => packed.labels.as_ref()?.get(index).copied(),
            Self::Parquet(images) => images.label(index),
            Self::Folder(folder) => folder.label(index),
            Self::Brought(brought) => brought.labels.as_ref()?.get(index).copied(),
        };
        (0..self.len()).map(label).collect()
    }

    /// A file with labels that belongs to the data set.
    fn table(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => folder.table(),
            Self::Packed(_) | Self::Parquet(_) | Self::Brought(_) => None,
        }
    }

    /// What was found and is not used.
    fn note(&self) -> Option<&str> {
        match self {
            Self::Folder(folder) => folder.note(),
            Self::Packed(_) | Self::Parquet(_) | Self::Brought(_) => None,
        }
    }

    fn get(&self, index: usize) -> Result<Example, DataError> {
        match self {
            Self::Packed(packed) => packed.get(index),
            Self::Parquet(images) => images.get(index),
            Self::Folder(folder) => folder.get(index),
            Self::Brought(brought) => brought.get(index),
        }
    }
}
