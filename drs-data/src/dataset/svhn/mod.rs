//! SVHN's cropped digits (Netzer et al. 2011): MATLAB files of `X` and `y`.

mod mat;

use std::fs::{File, read_dir};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use drs_memory::Claim;

use super::packed::{Packed, Pixels, check_bytes};
use super::planes::from_columns;
use super::{Labels, OpenOptions, splits};
use crate::InputSpec;
use crate::error::DataError;

/// What its files are called, after the split.
const SUFFIX: &str = "_32x32.mat";
/// The digit 0 has this label: MATLAB counts from 1.
const ZERO: i64 = 10;

/// `None` if the path is no `.mat` file, nor a folder that holds SVHN's.
pub(super) fn open(
    path: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Packed>, DataError> {
    let file = if path.is_dir() {
        let Some(file) = of_split(path, &options.split)? else { return Ok(None) };
        file
    } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mat")) {
        path.to_owned()
    } else {
        return Ok(None);
    };
    options.only(path, &[])?;
    let fail = |problem: String| DataError::new(&file, problem);
    check_bytes(spec, "SVHN images").map_err(fail)?;
    let (images, labels) = read(&file, spec, options).map_err(fail)?;
    let count = images.len() / spec.shape.values().max(1);
    if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != count) {
        return Err(fail(format!("y has {} labels for {count} images", labels.len())));
    }
    let pixels = Pixels::Bytes(images);
    Ok(Some(Packed {
        path: file.clone(),
        spec,
        count,
        pixels,
        labels,
        classes: None,
        memory: Claim::default(),
    }))
}

/// The file of this split; `None` if there is none of any split.
fn of_split(folder: &Path, split: &str) -> Result<Option<PathBuf>, DataError> {
    let entries = read_dir(folder).into_iter().flatten().flatten();
    let part = |name: &str| name.strip_suffix(SUFFIX).map(str::to_owned);
    let mut parts: Vec<String> =
        entries.filter_map(|entry| part(entry.file_name().to_str()?)).collect();
    parts.sort();
    if parts.iter().any(|part| part == split) {
        return Ok(Some(folder.join(format!("{split}{SUFFIX}"))));
    }
    match parts.is_empty() {
        true => Ok(None),
        false => Err(DataError::new(folder, splits::absent(split, &parts))),
    }
}

/// The images, plane after plane, and their classes where they are asked for.
fn read(
    path: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<(Vec<u8>, Option<Vec<usize>>), String> {
    let [channels, height, width] = spec.shape.dims();
    let (mut images, mut labels) = (None, None);
    let mut names = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    mat::arrays(BufReader::new(file), |array| {
        names.push(array.name.clone());
        match array.name.as_str() {
            "X" => {
                // MATLAB drops a last dimension of 1.
                let fits = matches!(array.shape[..], [h, w, c] | [h, w, c, _]
                    if [c, h, w] == [channels, height, width]);
                if !fits {
                    return Err(format!(
                        "X is an array of shape {:?}, expected [{height}, {width}, {channels}, n] for experts.toml's {}",
                        array.shape, spec.shape
                    ));
                }
                images = Some(array.bytes()?);
            }
            "y" if options.labels == Labels::Own => labels = Some(classes(array.integers()?)?),
            _ => {}
        }
        Ok(())
    })?;
    let missing = |name: &str| format!("no array {name}, found {}", names.join(", "));
    let mut images = images.ok_or_else(|| missing("X"))?;
    from_columns(&mut images, height, width);
    if options.labels == Labels::Own && labels.is_none() {
        return Err(format!("{}; --labels takes others, or none", missing("y")));
    }
    Ok((images, labels))
}

/// Digits: the class 0 is written as 10.
fn classes(labels: Vec<i64>) -> Result<Vec<usize>, String> {
    let class = |(index, label): (usize, i64)| match label {
        ZERO => Ok(0),
        1..ZERO => Ok(usize::try_from(label).unwrap_or(0)),
        _ => Err(format!(
            "image {index} has label {label}, expected 1 to 10, where 10 is the digit 0"
        )),
    };
    labels.into_iter().enumerate().map(class).collect()
}
