//! Folders that are parts of a data set, not classes.

use std::path::{Path, PathBuf};

use super::classes::some;
use super::walk::{entries, is_image, name};
use crate::error::DataError;

/// What data sets call their parts. A folder of these alone has no classes in it.
const PARTS: [&str; 9] =
    ["train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"];

/// What folders of images are called that are no class.
const IMAGES: [&str; 5] = ["images", "image", "imgs", "img", "jpegimages"];

/// The folder of a part; `None` if the folders are classes.
pub(super) fn find(
    path: &Path,
    folders: &[PathBuf],
    split: &str,
) -> Result<Option<PathBuf>, DataError> {
    let are_parts = are(folders, split);
    match folders.iter().find(|folder| name(folder) == split) {
        Some(part) if are_parts => Ok(Some(part.clone())),
        // A class may have any name.
        Some(part) if holds_images(part)? => Ok(None),
        Some(part) => {
            for folder in folders {
                if holds_images(folder)? {
                    let (class, part) = (name(folder), part.display());
                    let problem = format!(
                        "the part {split} and the class folder {class} side by side: --data {part} takes the part alone"
                    );
                    return Err(DataError::new(path, problem));
                }
            }
            Ok(Some(part.clone()))
        }
        None if are_parts => {
            let found: Vec<String> = folders.iter().map(|folder| name(folder)).collect();
            let problem = format!(
                "no part of the name {split}, found {}: --split {} takes that",
                some(&found),
                found[0]
            );
            Err(DataError::new(path, problem))
        }
        None => Ok(None),
    }
}

/// Whether none of the folders is a class.
pub(super) fn are(folders: &[PathBuf], split: &str) -> bool {
    let is_part = |folder: &PathBuf| {
        let name = name(folder);
        name == split || PARTS.contains(&name.to_ascii_lowercase().as_str())
    };
    !folders.is_empty() && folders.iter().all(is_part)
}

/// Whether this is a name for images of all classes together.
pub(super) fn is_for_all(folder: &Path) -> bool {
    IMAGES.contains(&name(folder).to_ascii_lowercase().as_str())
}

fn holds_images(folder: &Path) -> Result<bool, DataError> {
    Ok(entries(folder)?.files.iter().any(|file| is_image(file)))
}
