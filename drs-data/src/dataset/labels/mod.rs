//! Where labels come from.

mod lines;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::classes::{DEVKIT, Names, Raw, number};
use crate::error::DataError;
use crate::npy;

/// Where labels come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// The data set's own: its class folders, label files or label columns.
    #[default]
    Own,
    /// There are none.
    None,
    /// A file of class indices or names:
    ///
    /// * a table with a header (`.csv`, or `.tsv` with tabs) that has a column `image`, `file`
    ///   or `idx` and a column `label`;
    /// * a text file with an input's name and its label on each line, or with a label on each
    ///   line in the order of the inputs;
    /// * an `.npy` array in the order of the inputs.
    File(PathBuf),
}

impl FromStr for Labels {
    type Err = Infallible;

    /// `none`, or the path of a file.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "none" { Self::None } else { Self::File(text.into()) })
    }
}

/// A label as a file has it.
struct Label {
    /// The line; 0 if there are none.
    line: usize,
    text: String,
}

/// The label of every input, by place; `inputs` are their names, in their order. `classes` are
/// the data set's own, which names in the file may mean; numbers count from `first`.
pub(super) fn read(
    path: &Path,
    inputs: &[String],
    classes: Option<&[String]>,
    first: usize,
) -> Result<Raw, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    if path.file_name().is_some_and(|name| name == "ILSVRC2012_validation_ground_truth.txt") {
        return Err(fail(format!(
            "refused: by the name of the file {DEVKIT} (a file of classes from 0 needs another name)"
        )));
    }
    let source = path.to_owned();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let found = match extension {
        "npy" => {
            let labels = array(path).map_err(fail)?;
            as_many(labels.len(), inputs).map_err(fail)?;
            let note = in_text_order(inputs);
            return Ok(Raw { source, labels, names: None, first, note });
        }
        "csv" => table::read(path, b',', inputs),
        "tsv" => table::read(path, b'\t', inputs),
        _ => lines::read(path, inputs),
    };
    let (labels, note) = found.map_err(fail)?;
    let (labels, names) = understood(&labels, classes, path).map_err(fail)?;
    Ok(Raw { source, labels, names, first, note })
}

/// What is said of labels in the order of the inputs, where the inputs' names suggest another
/// one: `10.png` comes before `2.png`.
fn in_text_order(inputs: &[String]) -> Option<String> {
    let values: Option<Vec<usize>> =
        inputs.iter().map(|input| number(table::stem(input))).collect();
    let values = values.filter(|values| !values.is_sorted())?;
    let pair = values.windows(2).position(|pair| pair[0] > pair[1])?;
    Some(format!(
        "the labels belong to the inputs in the order of texts, in which {} comes before {}: if they are in the order of the numbers, give a table that names each input",
        inputs.get(pair)?,
        inputs.get(pair + 1)?
    ))
}

fn array(path: &Path) -> Result<Vec<usize>, String> {
    let (bytes, _claim) = drs_memory::read_file(path).map_err(|error| error.to_string())?;
    npy::classes(npy::array(&bytes)?)
}

fn as_many(labels: usize, inputs: &[String]) -> Result<(), String> {
    let expected = inputs.len();
    if labels == expected {
        return Ok(());
    }
    Err(format!("{labels} labels for {expected} inputs"))
}

/// Numbers if all are; else places among names: the data set's own if these have them all, or
/// those of the file, sorted.
fn understood(
    labels: &[Label],
    classes: Option<&[String]>,
    path: &Path,
) -> Result<(Vec<usize>, Option<Names>), String> {
    if let Some(numbers) = labels.iter().map(|label| number(&label.text)).collect() {
        return Ok((numbers, None));
    }
    let found: BTreeSet<&str> = labels.iter().map(|label| label.text.as_str()).collect();
    let own: Option<BTreeSet<&str>> =
        classes.map(|classes| classes.iter().map(String::as_str).collect());
    let own = classes.filter(|_| own.is_some_and(|own| found.is_subset(&own)));
    if own.is_none() && found.iter().any(|text| number(text).is_some()) {
        let label = labels.iter().find(|label| number(&label.text).is_none());
        let (line, text) = label.map_or((0, ""), |label| (label.line, label.text.as_str()));
        return Err(format!(
            "line {line}: the label \"{text}\" found among numbers, expected classes from 0 throughout, or names throughout"
        ));
    }
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let list: Vec<String> = match own {
        Some(classes) => classes.to_vec(),
        None => found.iter().map(|&name| name.to_owned()).collect(),
    };
    let places: HashMap<&str, usize> =
        list.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let place = |label: &Label| {
        let place = places.get(label.text.as_str()).copied();
        place.ok_or_else(|| format!("line {}: \"{}\" is no class", label.line, label.text))
    };
    let labels = labels.iter().map(place).collect::<Result<_, _>>()?;
    Ok((labels, Some(Names { list, what: format!("names in {file}"), are_stored_places: false })))
}
