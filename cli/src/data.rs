//! The data set that a command is about.

use std::path::Path;

use drs_data::{DataError, Dataset, InputSpec, OpenOptions};

use crate::args::DataArgs;

pub(crate) fn open(path: &Path, args: &DataArgs, spec: InputSpec) -> Result<Dataset, DataError> {
    let options = OpenOptions {
        split: args.split.clone(),
        labels: args.labels.clone().unwrap_or_default(),
        corruption: args.corruption.clone(),
        severity: args.severity,
        configuration: args.configuration.clone(),
    };
    Dataset::open(path, spec, &options)
}
