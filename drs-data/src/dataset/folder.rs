//! ImageFolder: one folder per class.

use std::fs::read_dir;
use std::path::{Path, PathBuf};

use super::Example;
use crate::error::DataError;
use crate::{InputSpec, read_image};

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    spec: InputSpec,
    classes: Vec<String>,
    files: Vec<(usize, PathBuf)>,
}

impl Folder {
    /// Classes and files in the order of their names, as torchvision sorts them.
    pub(super) fn open(path: &Path, spec: InputSpec, split: &str) -> Result<Self, DataError> {
        let folders: Vec<PathBuf> =
            entries(path)?.into_iter().filter(|entry| entry.is_dir()).collect();
        let mut classes = Vec::new();
        let mut files = Vec::new();
        for folder in folders {
            let images = entries(&folder)?.into_iter().filter(|file| is_image(file));
            files.extend(images.map(|file| (classes.len(), file)));
            classes.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        if files.is_empty() {
            let found = match classes.len() {
                0 => "no class folder".to_owned(),
                count => format!("{count} class folders without an image"),
            };
            return Err(DataError::new(
                path,
                format!(
                    "no data set of split {split}: {found} found, expected one folder of PNG or JPEG files per class; IDX files ({split}-images-idx3-ubyte, t10k- for test, or .gz); CIFAR's .bin files; {split}*.parquet; images.npy and labels.npy; or an .npz file with both"
                ),
            ));
        }
        Ok(Self { path: path.to_owned(), spec, classes, files })
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn classes(&self) -> &[String] {
        &self.classes
    }

    pub(super) fn get(&self, index: usize) -> Result<Example, DataError> {
        let (label, file) = self.files.get(index).ok_or_else(|| {
            DataError::new(&self.path, format!("no input {index}, it holds {}", self.len()))
        })?;
        let input = read_image(file, self.spec)?;
        let name = file.strip_prefix(&self.path).unwrap_or(file).display().to_string();
        Ok(Example { index, label: *label, input, name })
    }
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
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    !path.is_dir() && matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}
