//! How a data set is opened.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Classes, Labels};
use crate::error::DataError;

/// How a data set is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenOptions {
    /// `test`, `train` or another part, where a data set has parts; for IDX files any prefix.
    pub split: String,
    /// Where labels come from.
    pub labels: Labels,
    /// Which corruption, where a folder has an array for each, as CIFAR-10-C does.
    pub corruption: Option<String>,
    /// Its severity, 1 to 5: a fifth of the array. All of them without it.
    pub severity: Option<usize>,
    /// Which configuration, where a folder of the Hugging Face hub has several.
    pub configuration: Option<String>,
    /// The number of the first class, where labels are numbers.
    pub labels_from: usize,
    /// How the data set's classes and those of experts are brought together.
    pub classes: Classes,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            split: "test".to_owned(),
            labels: Labels::Own,
            labels_from: 0,
            classes: Classes::ByName,
            corruption: None,
            severity: None,
            configuration: None,
        }
    }
}

impl OpenOptions {
    /// Whether no option is given that this data does not have: none may be left unheard.
    pub(super) fn only(&self, path: &Path, heard: &[&str]) -> Result<(), DataError> {
        let given = [
            ("--corruption", self.corruption.is_some()),
            ("--severity", self.severity.is_some()),
            ("--configuration", self.configuration.is_some()),
        ];
        match given.iter().find(|(name, given)| *given && !heard.contains(name)) {
            None => Ok(()),
            Some((name, _)) => {
                let why = match *name {
                    "--configuration" => "folders of the Hugging Face hub have configurations",
                    _ => "corruptions and severities are those of CIFAR-10-C's arrays",
                };
                Err(DataError::usage(
                    path,
                    format!("{name} is given, which this data does not have ({why}): leave it out"),
                ))
            }
        }
    }
}
