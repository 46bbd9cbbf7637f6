//! NumPy arrays: an npz file, npy files in a folder, one npy file, CIFAR-10-C.

mod corrupted;
mod names;
mod source;

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use drs_core::lattice::Shape;
use drs_memory::Claim;

use self::names::{choose, no_images};
use self::source::{Source, file_array, labels_in};
use super::packed::{Packed, Pixels, check_bytes};
use super::planes::from_channels_last;
use super::{Labels, OpenOptions};
use crate::InputSpec;
use crate::error::DataError;
use crate::npy::{self, Npy, Values};

/// `None` if the path is neither an npz or npy file nor a folder with images as npy.
pub(super) fn open(
    path: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Packed>, DataError> {
    let is = |extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
    if path.is_dir() {
        return folder(path, spec, options);
    }
    if is("npy") {
        return file(path, spec, options).map(Some);
    }
    if !is("npz") {
        return Ok(None);
    }
    options.only(path, &[])?;
    let mut source = Source::archive(path)?;
    let names = source.names()?;
    let fail = |problem: String| DataError::new(path, problem);
    let chosen = choose(&names, &options.split).map_err(fail)?;
    let chosen = chosen.ok_or_else(|| fail(no_images(&names)))?;
    named(path, &mut source, &chosen, spec, options).map(Some)
}

/// A folder of arrays; any folder may come here.
fn folder(
    path: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Packed>, DataError> {
    let mut source = Source::Folder(path);
    let names = source.names()?;
    match choose(&names, &options.split).map_err(|problem| DataError::new(path, problem))? {
        Some(chosen) => {
            options.only(path, &[])?;
            named(path, &mut source, &chosen, spec, options).map(Some)
        }
        None => corrupted::open(path, &names, spec, options),
    }
}

/// Images and labels that were found by their names.
fn named(
    path: &Path,
    source: &mut Source<'_>,
    names: &names::Names,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Packed, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let labels = match (&options.labels, &names.labels) {
        (Labels::None | Labels::File(_), _) => None,
        (Labels::Own, None) => {
            return Err(fail(format!(
                "no labels, expected an array named {} beside {}; --labels takes others, or none",
                names.expected, names.images
            )));
        }
        (Labels::Own, Some(name)) => {
            let labels = source.array(name)?.all().and_then(npy::classes);
            Some(labels.map_err(|problem| source.fail(name, &problem))?)
        }
    };
    let npy = source.array(&names.images)?;
    let count = count(&npy);
    if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != count) {
        return Err(fail(format!("{} labels for {count} images", labels.len())));
    }
    let pixels = pixels(npy, 0..count, spec);
    let (pixels, memory) = pixels.map_err(|problem| source.fail(&names.images, &problem))?;
    Ok(Packed { path: path.to_owned(), spec, count, pixels, labels, classes: None, memory })
}

/// One file of images; labels are in `labels.npy` beside it, if not given.
fn file(path: &Path, spec: InputSpec, options: &OpenOptions) -> Result<Packed, DataError> {
    options.only(path, &["--severity"])?;
    let fail = |problem: String| DataError::new(path, problem);
    let npy = file_array(path)?;
    let all = count(&npy);
    let rows = corrupted::rows(all, options.severity).map_err(fail)?;
    let labels = match options.labels {
        Labels::None | Labels::File(_) => None,
        Labels::Own => {
            let beside = path.parent().and_then(labels_in).ok_or_else(|| {
                fail("images alone: put labels.npy beside them, give their labels with --labels FILE, or go without by --labels none".to_owned())
            })?;
            Some(labels(&beside, all, rows.clone())?)
        }
    };
    let count = rows.len();
    let (pixels, memory) = pixels(npy, rows, spec).map_err(fail)?;
    Ok(Packed { path: path.to_owned(), spec, count, pixels, labels, classes: None, memory })
}

/// Those labels of a file that belong to these images, of `all`.
fn labels(path: &Path, all: usize, rows: Range<usize>) -> Result<Vec<usize>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let labels = file_array(path)?.all().and_then(npy::classes).map_err(fail)?;
    if labels.len() != all {
        return Err(fail(format!(
            "{} labels for {all} images; --labels takes others, or none",
            labels.len()
        )));
    }
    Ok(labels.get(rows).unwrap_or_default().to_vec())
}

fn count<R: Read>(npy: &Npy<R>) -> usize {
    npy.shape().first().copied().unwrap_or(0)
}

/// These images of an array.
fn pixels<R: Read>(
    npy: Npy<R>,
    rows: Range<usize>,
    spec: InputSpec,
) -> Result<(Pixels, Claim), String> {
    // Before reading: an array of another shape may be of any size.
    let order = order(npy.shape(), spec.shape)?;
    let dtype = npy.dtype().to_owned();
    if dtype.ends_with("u1") {
        check_bytes(spec, "uint8 images")?;
    }
    let array = npy.rows(rows)?;
    let pixels = match array.values {
        Values::Bytes(bytes) => Pixels::Bytes(planes(bytes, order, spec.shape)),
        Values::Floats(floats) => Pixels::Floats(planes(floats, order, spec.shape)),
        Values::Doubles(doubles) => Pixels::Doubles(planes(doubles, order, spec.shape)),
        Values::Integers(_) => {
            return Err(format!(
                "images are {dtype}, expected uint8, or floats in [0, 1]: convert them (`a.astype(\"uint8\")` for pixels from 0 to 255)"
            ));
        }
    };
    Ok((pixels, array.memory))
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
    match order {
        Order::ChannelsFirst => values,
        Order::ChannelsLast => from_channels_last(values, channels, height * width),
    }
}
