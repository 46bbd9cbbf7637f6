//! Folders, walked down in torchvision's order.

use std::fs::{canonicalize, read_dir};
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::image::has_image_name;

/// What a folder holds.
pub(super) struct Entries {
    /// By name; links to folders are folders.
    pub(super) folders: Vec<PathBuf>,
    /// By name.
    pub(super) files: Vec<PathBuf>,
}

/// Any entry of that name but a folder. A link to nowhere counts, as it does
/// for torchvision: leaving it out would shift the index of every later image.
pub(super) fn is_image(path: &Path) -> bool {
    has_image_name(path) && !path.is_dir()
}

pub(super) fn entries(folder: &Path) -> Result<Entries, DataError> {
    let fail = |error: std::io::Error| DataError::new(folder, error);
    let mut found = Entries { folders: Vec::new(), files: Vec::new() };
    for entry in read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(fail)?);
        let is_folder = kind.is_dir() || (kind.is_symlink() && path.is_dir());
        if is_folder { found.folders.push(path) } else { found.files.push(path) }
    }
    found.folders.sort();
    found.files.sort();
    Ok(found)
}

/// The files below a folder that are wanted: folder by folder, these sorted by their whole
/// paths as texts, and in each by name.
pub(super) fn below(
    folder: &Path,
    is_wanted: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, DataError> {
    let mut folders = Vec::new();
    walk(folder, &is_wanted, &mut Vec::new(), &mut folders)?;
    // A path's own order goes by its parts.
    folders.sort_by(|(a, _), (b, _)| {
        a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes())
    });
    Ok(folders.into_iter().flat_map(|(_, files)| files).collect())
}

fn walk(
    folder: &Path,
    is_wanted: &impl Fn(&Path) -> bool,
    above: &mut Vec<PathBuf>,
    found: &mut Vec<(PathBuf, Vec<PathBuf>)>,
) -> Result<(), DataError> {
    let real = canonicalize(folder).map_err(|error| DataError::new(folder, error))?;
    if above.contains(&real) {
        return Err(DataError::new(folder, "links to a folder that it lies in"));
    }
    let Entries { folders, files } = entries(folder)?;
    let files = files.into_iter().filter(|file| is_wanted(file)).collect();
    found.push((folder.to_owned(), files));
    above.push(real);
    for folder in folders {
        walk(&folder, is_wanted, above, found)?;
    }
    above.pop();
    Ok(())
}

/// The last part of a path.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
