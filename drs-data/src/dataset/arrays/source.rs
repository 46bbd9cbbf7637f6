//! Where arrays are found by name.

use std::fs::{File, read_dir};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::error::DataError;
use crate::npy::Npy;

/// A folder of npy files, or an npz file.
pub(super) enum Source<'a> {
    Folder(&'a Path),
    Archive(&'a Path, Box<ZipArchive<File>>),
}

impl<'a> Source<'a> {
    pub(super) fn archive(path: &'a Path) -> Result<Self, DataError> {
        let fail = |error: String| DataError::new(path, error);
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        let archive = ZipArchive::new(file).map_err(|error| fail(error.to_string()))?;
        Ok(Self::Archive(path, Box::new(archive)))
    }

    /// The arrays' names, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, DataError> {
        let mut names = Vec::new();
        let mut add = |file: &str| {
            // What begins with a dot is no data: macOS leaves such files beside others.
            let name = file.strip_suffix(".npy").filter(|name| !name.starts_with('.'));
            names.extend(name.map(str::to_owned));
        };
        match self {
            Self::Folder(folder) => {
                let fail = |error: std::io::Error| DataError::new(folder, error);
                for entry in read_dir(folder).map_err(fail)? {
                    let entry = entry.map_err(fail)?;
                    add(&entry.file_name().to_string_lossy());
                }
            }
            Self::Archive(path, archive) => {
                for name in archive.file_names() {
                    add(&name.map_err(|error| DataError::new(path, error))?);
                }
            }
        }
        names.sort();
        Ok(names)
    }

    /// The array of this name, of which the header is read.
    pub(super) fn array(&mut self, name: &str) -> Result<Npy<Box<dyn Read + '_>>, DataError> {
        let file = format!("{name}.npy");
        match self {
            Self::Folder(folder) => file_array(&folder.join(file)),
            Self::Archive(path, archive) => {
                let fail = |problem: String| DataError::new(path, format!("{name}: {problem}"));
                let entry = archive.by_name(&file).map_err(|error| fail(error.to_string()))?;
                Npy::new(Box::new(entry) as Box<dyn Read>).map_err(fail)
            }
        }
    }

    /// What errors about this array name: its file, and its name within an archive.
    pub(super) fn fail(&self, name: &str, problem: &str) -> DataError {
        match self {
            Self::Folder(folder) => DataError::new(&folder.join(format!("{name}.npy")), problem),
            Self::Archive(path, _) => DataError::new(path, format!("{name}: {problem}")),
        }
    }
}

/// The array in a file, of which the header is read.
pub(super) fn file_array<'b>(path: &Path) -> Result<Npy<Box<dyn Read + 'b>>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    Npy::new(Box::new(BufReader::new(file)) as Box<dyn Read>).map_err(fail)
}

/// `labels.npy` in this folder, if it is there.
pub(super) fn labels_in(folder: &Path) -> Option<PathBuf> {
    Some(folder.join("labels.npy")).filter(|path| path.is_file())
}
