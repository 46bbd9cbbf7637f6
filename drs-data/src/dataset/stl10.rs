//! STL-10's binary version (Coates, Lee & Ng 2011).

use std::path::{Path, PathBuf};

use drs_memory::Claim;

use super::packed::{Packed, Pixels, check_bytes};
use super::planes::from_columns;
use super::{Labels, OpenOptions, splits};
use crate::InputSpec;
use crate::error::DataError;

/// The folder that its archive unpacks to.
const FOLDER: &str = "stl10_binary";
const SHAPE: [usize; 3] = [3, 96, 96];
const PIXELS: usize = 3 * 96 * 96;
const CLASSES: u8 = 10;
/// Its parts, each in a file of images.
const PARTS: [&str; 3] = ["test", "train", "unlabeled"];

/// `None` if neither the folder nor `stl10_binary` in it holds the binary version.
pub(super) fn open(
    folder: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Packed>, DataError> {
    let Some((folder, parts)) = [folder.to_owned(), folder.join(FOLDER)]
        .into_iter()
        .map(|folder| {
            let here = PARTS.iter().filter(|part| images_of(&folder, part).is_file());
            let here: Vec<String> = here.map(|part| (*part).to_owned()).collect();
            (folder, here)
        })
        .find(|(_, parts)| !parts.is_empty())
    else {
        return Ok(None);
    };
    options.only(&folder, &[])?;
    let fail = |problem: String| DataError::new(&folder, problem);
    if spec.shape.dims() != SHAPE {
        return Err(fail(format!(
            "STL-10 images are 3x96x96, experts.toml expects {}",
            spec.shape
        )));
    }
    check_bytes(spec, "STL-10 images").map_err(fail)?;
    let split = options.split.as_str();
    if !parts.iter().any(|part| part == split) {
        return Err(fail(splits::absent(split, &parts)));
    }
    let path = images_of(&folder, split);
    let (mut images, memory) = images(&path)?;
    from_columns(&mut images, SHAPE[1], SHAPE[2]);
    let count = images.len() / PIXELS;
    let labels = match options.labels {
        Labels::Own => Some(labels(&folder.join(format!("{split}_y.bin")), count)?),
        Labels::None | Labels::File(_) => None,
    };
    let classes = class_names(&folder.join("class_names.txt"));
    let pixels = Pixels::Bytes(images);
    Ok(Some(Packed { path, spec, count, pixels, labels, classes, memory }))
}

fn images_of(folder: &Path, part: &str) -> PathBuf {
    folder.join(format!("{part}_X.bin"))
}

/// All images of a file, as they are kept there.
fn images(path: &Path) -> Result<(Vec<u8>, Claim), DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let (images, claim) = drs_memory::read_file(path).map_err(|error| fail(error.to_string()))?;
    if images.is_empty() || !images.len().is_multiple_of(PIXELS) {
        let size = images.len();
        return Err(fail(format!(
            "{size} bytes, expected a multiple of {PIXELS}, an image: it is cut short, or something else"
        )));
    }
    Ok((images, claim))
}

/// A byte for each image, from 1.
fn labels(path: &Path, count: usize) -> Result<Vec<usize>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    if !path.is_file() {
        return Err(fail("no such file; --labels takes others, or none".to_owned()));
    }
    let (labels, _claim) = drs_memory::read_file(path).map_err(|error| fail(error.to_string()))?;
    if labels.len() != count {
        return Err(fail(format!("{} labels for {count} images", labels.len())));
    }
    let class = |(index, label): (usize, u8)| match label {
        1..=CLASSES => Ok(usize::from(label - 1)),
        _ => Err(fail(format!("image {index} has label {label}, expected 1 to {CLASSES}"))),
    };
    labels.into_iter().enumerate().map(class).collect()
}

/// A name on each line, if the file has them all.
fn class_names(path: &Path) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(path).ok()?;
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    (names.len() == usize::from(CLASSES)).then_some(names)
}
