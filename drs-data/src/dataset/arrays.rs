//! NumPy arrays: an npz file, or two npy files in a folder.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use drs_core::lattice::Shape;
use zip::ZipArchive;

use super::packed::{Packed, Pixels, check_bytes};
use super::{Labels, OpenOptions};
use crate::InputSpec;
use crate::error::DataError;
use crate::npy::{self, Array};

/// Names under which images and labels are found, in this order.
const IMAGES: [&str; 5] = ["images", "x", "data", "x_test", "arr_0"];
const LABELS: [&str; 5] = ["labels", "y", "targets", "y_test", "arr_1"];

/// `None` if the path is neither an npz file nor a folder with images as npy.
pub(super) fn open(
    path: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Packed>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let Some(mut source) = Source::open(path)? else { return Ok(None) };
    let images = match source.array(&IMAGES) {
        Some(images) => images?,
        // Any folder may come here.
        None if path.is_dir() => return Ok(None),
        None => return Err(missing(path, "images", &IMAGES)),
    };
    let labels = match options.labels {
        Labels::Own => {
            let labels =
                source.array(&LABELS).ok_or_else(|| missing(path, "labels", &LABELS))??;
            Some(npy::classes(labels).map_err(fail)?)
        }
        Labels::None | Labels::File(_) => None,
    };
    let count = images.shape.first().copied().unwrap_or(0);
    if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != count) {
        return Err(fail(format!("{} labels for {count} images", labels.len())));
    }
    let order = order(&images.shape, spec.shape).map_err(fail)?;
    let pixels = match images.values {
        npy::Values::Bytes(bytes) => {
            check_bytes(spec, "uint8 images").map_err(fail)?;
            Pixels::Bytes(planes(bytes, order, spec.shape))
        }
        npy::Values::Floats(floats) => Pixels::Floats(planes(floats, order, spec.shape)),
        npy::Values::Integers(_) => {
            return Err(fail(
                "images are integers of more than 8 bits, expected uint8, or floats in [0, 1]"
                    .to_owned(),
            ));
        }
    };
    Ok(Some(Packed { path: path.to_owned(), spec, count, pixels, labels, classes: None }))
}

fn missing(path: &Path, what: &str, names: &[&str]) -> DataError {
    let hint = if what == "labels" { "; --labels takes others, or none" } else { "" };
    DataError::new(path, format!("no {what}, expected an array named {}{hint}", names.join(" or ")))
}

/// Where arrays are found by name.
enum Source<'a> {
    Folder(&'a Path),
    Archive(&'a Path, ZipArchive<File>),
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Option<Self>, DataError> {
        let fail = |error: String| DataError::new(path, error);
        if path.is_dir() {
            return Ok(Some(Self::Folder(path)));
        }
        if path.extension().is_none_or(|extension| extension != "npz") {
            return Ok(None);
        }
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        let archive = ZipArchive::new(file).map_err(|error| fail(error.to_string()))?;
        Ok(Some(Self::Archive(path, archive)))
    }

    /// The first array of one of these names.
    fn array(&mut self, names: &[&str]) -> Option<Result<Array, DataError>> {
        let files = names.iter().map(|name| format!("{name}.npy"));
        match self {
            Self::Folder(folder) => {
                let path = files.map(|file| folder.join(file)).find(|path| path.is_file())?;
                let bytes = std::fs::read(&path).map_err(|error| error.to_string());
                let array = bytes.and_then(|bytes| npy::array(&bytes));
                Some(array.map_err(|problem| DataError::new(&path, problem)))
            }
            Self::Archive(path, archive) => {
                let found = files.zip(names).find_map(|(file, name)| {
                    archive.index_for_name(&file).map(|index| (index, *name))
                });
                let (index, name) = found?;
                let fail = |problem: String| DataError::new(path, format!("{name}: {problem}"));
                Some(entry(archive, index).map_err(fail))
            }
        }
    }
}

fn entry(archive: &mut ZipArchive<File>, index: usize) -> Result<Array, String> {
    let mut entry = archive.by_index(index).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    npy::array(&bytes)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    ChannelsFirst,
    ChannelsLast,
}

/// Which of [n, C, H, W], [n, H, W] (of one channel) and [n, H, W, C] the images are.
fn order(found: &[usize], spec: Shape) -> Result<Order, String> {
    let [c, h, w] = spec.dims();
    let image = found.get(1..).unwrap_or_default();
    if image == [c, h, w] || (c == 1 && image == [h, w]) {
        return Ok(Order::ChannelsFirst);
    }
    if image == [h, w, c] {
        return Ok(Order::ChannelsLast);
    }
    Err(format!(
        "images of shape {found:?}, expected [n, {c}, {h}, {w}] or [n, {h}, {w}, {c}] for experts.toml's {spec}"
    ))
}

fn planes<T: Copy>(values: Vec<T>, order: Order, spec: Shape) -> Vec<T> {
    let [channels, height, width] = spec.dims();
    if order == Order::ChannelsFirst || channels == 1 {
        return values;
    }
    let plane = height * width;
    let mut planes = Vec::with_capacity(values.len());
    for image in values.chunks_exact(plane * channels) {
        for channel in 0..channels {
            planes.extend((0..plane).map(|pixel| image[pixel * channels + channel]));
        }
    }
    planes
}
