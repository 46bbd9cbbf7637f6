//! CIFAR-10-C and its relatives: an array for each corruption, its severities one after the other.

use std::ops::Range;
use std::path::Path;

use super::source::labels_in;
use super::{OpenOptions, Packed, file};
use crate::InputSpec;
use crate::error::DataError;

/// Severities in one file, from 1 (Hendrycks & Dietterich 2019).
const SEVERITIES: usize = 5;

/// The corruption that is asked for; `None` if the folder has no `labels.npy` with arrays of
/// images beside it.
pub(super) fn open(
    folder: &Path,
    names: &[String],
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Packed>, DataError> {
    let corruptions: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| *name != "labels").collect();
    if corruptions.is_empty() || labels_in(folder).is_none() {
        return Ok(None);
    }
    let usage = |problem: String| DataError::usage(folder, problem);
    options.only(folder, &["--corruption", "--severity"])?;
    if options.split != "test" {
        return Err(usage(format!("--split {}: corrupted images are a test set", options.split)));
    }
    let list = corruptions.join(", ");
    let Some(corruption) = &options.corruption else {
        let first = corruptions[0];
        return Err(usage(format!(
            "several arrays of images found: choose one with --corruption ({list}), for example --corruption {first} --severity 3, or --data {}",
            folder.join(format!("{first}.npy")).display()
        )));
    };
    if !corruptions.contains(&corruption.as_str()) {
        return Err(usage(format!("--corruption {corruption} found, expected one of {list}")));
    }
    // As it is read when its file is named; the option was heard here.
    let options = OpenOptions { corruption: None, ..options.clone() };
    file(&folder.join(format!("{corruption}.npy")), spec, &options).map(Some)
}

/// The rows of a severity; of all without one.
pub(super) fn rows(all: usize, severity: Option<usize>) -> Result<Range<usize>, String> {
    match severity {
        None => Ok(0..all),
        Some(severity @ 1..=SEVERITIES) if all.is_multiple_of(SEVERITIES) => {
            let each = all / SEVERITIES;
            Ok((severity - 1) * each..severity * each)
        }
        Some(1..=SEVERITIES) => Err(format!(
            "--severity needs {SEVERITIES} blocks of equal size, one for each severity; {all} images found"
        )),
        Some(severity) => Err(format!("--severity {severity} found, expected 1 to {SEVERITIES}")),
    }
}
