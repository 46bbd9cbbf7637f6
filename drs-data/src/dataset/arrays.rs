//! NumPy arrays: an npz file, or two npy files in a folder.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use drs_core::lattice::Shape;
use zip::ZipArchive;

use super::packed::{Packed, Pixels, check_bytes};
use crate::InputSpec;
use crate::error::DataError;
use crate::npy::{self, Array};

/// Names under which images and labels are found, in this order.
const IMAGES: [&str; 5] = ["images", "x", "data", "x_test", "arr_0"];
const LABELS: [&str; 5] = ["labels", "y", "targets", "y_test", "arr_1"];

/// `None` if the path is neither an npz file nor a folder with images and labels as npy.
pub(super) fn open(path: &Path, spec: InputSpec) -> Result<Option<Packed>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let (images, labels) = if path.is_dir() {
        let file = |names: &[&str]| {
            names.iter().map(|name| path.join(format!("{name}.npy"))).find(|path| path.is_file())
        };
        let Some(images) = file(&IMAGES) else { return Ok(None) };
        let labels = file(&LABELS).ok_or_else(|| missing(path, "labels", &LABELS, ".npy"))?;
        let read = |path: &Path| {
            let bytes = std::fs::read(path).map_err(|error| DataError::new(path, error))?;
            npy::array(&bytes).map_err(|problem| DataError::new(path, problem))
        };
        (read(&images)?, read(&labels)?)
    } else if path.extension().is_some_and(|extension| extension == "npz") {
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        let mut archive = ZipArchive::new(file).map_err(|error| fail(error.to_string()))?;
        let images = entry(path, &mut archive, "images", &IMAGES)?;
        (images, entry(path, &mut archive, "labels", &LABELS)?)
    } else {
        return Ok(None);
    };
    let count = labels.shape.iter().product();
    let order = order(&images.shape, count, spec.shape).map_err(fail)?;
    let labels = classes(labels).map_err(fail)?;
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
    Ok(Some(Packed { path: path.to_owned(), spec, pixels, labels, classes: None }))
}

fn missing(path: &Path, what: &str, names: &[&str], suffix: &str) -> DataError {
    let names: Vec<String> = names.iter().map(|name| format!("{name}{suffix}")).collect();
    DataError::new(path, format!("no {what}, expected an array named {}", names.join(" or ")))
}

/// The first array of one of these names.
fn entry(
    path: &Path,
    archive: &mut ZipArchive<File>,
    what: &str,
    names: &[&str],
) -> Result<Array, DataError> {
    let found = names.iter().find_map(|name| archive.index_for_name(&format!("{name}.npy")));
    let index = found.ok_or_else(|| missing(path, what, names, ""))?;
    let fail = |problem: String| DataError::new(path, format!("{what}: {problem}"));
    let mut entry = archive.by_index(index).map_err(|error| fail(error.to_string()))?;
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| fail(error.to_string()))?;
    npy::array(&bytes).map_err(fail)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    ChannelsFirst,
    ChannelsLast,
}

/// Which of [n, C, H, W], [n, H, W] (of one channel) and [n, H, W, C] the images are.
fn order(found: &[usize], count: usize, spec: Shape) -> Result<Order, String> {
    let [c, h, w] = spec.dims();
    if found == [count, c, h, w] || (c == 1 && found == [count, h, w]) {
        return Ok(Order::ChannelsFirst);
    }
    if found == [count, h, w, c] {
        return Ok(Order::ChannelsLast);
    }
    Err(format!(
        "images of shape {found:?}, expected [{count}, {c}, {h}, {w}] or [{count}, {h}, {w}, {c}] for {count} labels and experts.toml's {spec}"
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

fn classes(labels: Array) -> Result<Vec<usize>, String> {
    // A column of labels is as good as a row.
    let rows = labels.shape.first().copied().unwrap_or(0);
    if labels.shape.iter().product::<usize>() != rows {
        return Err(format!("labels of shape {:?}, expected one for each image", labels.shape));
    }
    match labels.values {
        npy::Values::Bytes(bytes) => Ok(bytes.into_iter().map(usize::from).collect()),
        npy::Values::Integers(integers) => {
            let label = |(index, label): (usize, i64)| {
                let wrong = |_| format!("label {index} is {label}, expected a class from 0");
                usize::try_from(label).map_err(wrong)
            };
            integers.into_iter().enumerate().map(label).collect()
        }
        npy::Values::Floats(_) => Err("labels are floats, expected integers".to_owned()),
    }
}
