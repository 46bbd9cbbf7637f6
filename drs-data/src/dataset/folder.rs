//! ImageFolder, one folder per class; or one folder of images.

use std::fs::read_dir;
use std::path::{Path, PathBuf};

use super::{Example, Labels, OpenOptions};
use crate::error::DataError;
use crate::image::has_image_name;
use crate::{InputSpec, read_image};

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    spec: InputSpec,
    /// `None` if all images are in one folder.
    classes: Option<Vec<String>>,
    files: Vec<(Option<usize>, PathBuf)>,
}

impl Folder {
    /// Classes and files in the order of their names, as torchvision sorts them.
    pub(super) fn open(
        path: &Path,
        spec: InputSpec,
        options: &OpenOptions,
    ) -> Result<Self, DataError> {
        let (folders, rest): (Vec<_>, Vec<_>) =
            entries(path)?.into_iter().partition(|entry| entry.is_dir());
        let mut classes = Vec::new();
        let mut files = Vec::new();
        for folder in folders {
            let images = entries(&folder)?.into_iter().filter(|file| is_image(file));
            files.extend(images.map(|file| (Some(classes.len()), file)));
            classes.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        if !files.is_empty() {
            return Ok(Self { path: path.to_owned(), spec, classes: Some(classes), files });
        }
        // As data sets are often packed: a folder for each part, classes within.
        let part = path.join(&options.split);
        if part.is_dir() && !rest.iter().any(|file| is_image(file)) {
            return Self::open(&part, spec, options);
        }
        let loose = rest.into_iter().filter(|file| is_image(file)).map(|file| (None, file));
        let files: Vec<_> = loose.collect();
        match options.labels {
            _ if files.is_empty() => Err(nothing(path, &options.split, classes.len())),
            Labels::Own => {
                let problem = "images without class folders found: give their labels with --labels FILE, or go without by --labels none";
                Err(DataError::new(path, problem))
            }
            Labels::None | Labels::File(_) => {
                Ok(Self { path: path.to_owned(), spec, classes: None, files })
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    /// The path below the data set's folder.
    pub(super) fn name(&self, index: usize) -> String {
        let file = self.files.get(index).map(|(_, file)| file.as_path()).unwrap_or(&self.path);
        file.strip_prefix(&self.path).unwrap_or(file).display().to_string()
    }

    pub(super) fn label(&self, index: usize) -> Option<usize> {
        self.files.get(index).and_then(|(label, _)| *label)
    }

    pub(super) fn get(&self, index: usize) -> Result<Example, DataError> {
        let (label, file) = self.files.get(index).ok_or_else(|| {
            DataError::new(&self.path, format!("no input {index}, it holds {}", self.len()))
        })?;
        let image = read_image(file, self.spec)?;
        Ok(Example::of(index, *label, image, self.name(index)))
    }
}

fn nothing(path: &Path, split: &str, class_folders: usize) -> DataError {
    let found = match class_folders {
        0 => "neither a class folder nor an image".to_owned(),
        count => format!("{count} class folders without an image"),
    };
    DataError::new(
        path,
        format!(
            "no data set of split {split}: {found} found, expected one folder of images per class, or such files (.jpg, .png and what else torchvision takes); IDX files ({split}-images-idx3-ubyte, t10k- for test, or .gz); the files of CIFAR, STL-10, SVHN or CIFAR-10-C; {split}*.parquet; images.npy and labels.npy; or an .npz file with both"
        ),
    )
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let fail = |error: std::io::Error| DataError::new(folder, error);
    let paths = read_dir(folder).map_err(fail)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(fail)?;
    paths.sort();
    Ok(paths)
}

/// Any entry of that name but a folder. A link to nowhere counts, as it does
/// for torchvision: leaving it out would shift the index of every later image.
fn is_image(path: &Path) -> bool {
    has_image_name(path) && !path.is_dir()
}
