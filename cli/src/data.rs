//! The data set that a command is about.

use std::path::Path;

use anyhow::bail;
use drs_data::{Classes, DataError, Dataset, InputSpec, OpenOptions};
use drs_progress::say;

use crate::args::{DataArgs, PoolArgs};
use crate::pool;

/// Opens it for experts whose classes have these names, and tells the user what was assumed.
pub(crate) fn open(
    path: &Path,
    args: &DataArgs,
    spec: InputSpec,
    experts: &[String],
) -> Result<Dataset, DataError> {
    let data = unmatched(path, args, spec)?.for_experts(experts)?;
    tell(&data);
    Ok(data)
}

/// The same where no model is open: those of `experts` are opened only if the data set has class
/// names, and nothing else tells what they mean. `classes` is how many the experts have, if known.
pub(crate) fn open_without_models(
    path: &Path,
    args: &DataArgs,
    spec: InputSpec,
    experts: Option<&Path>,
    classes: Option<usize>,
) -> anyhow::Result<Dataset> {
    let data = unmatched(path, args, spec)?;
    let numbers = classes.map(|classes| (0..classes).map(|class| class.to_string()).collect());
    let names: Option<Vec<String>> = match (args.classes.names()?, experts) {
        (Some(names), _) => Some(names),
        // Numbers need no names, nor do places.
        (None, _) if !data.is_named() => numbers,
        (None, _) if args.classes == Classes::ByPlace && numbers.is_some() => numbers,
        (None, Some(experts)) => Some(names_in(experts)?),
        (None, None) => bail!(
            "{}: has class names, and only models tell what these are among theirs: give --experts FILE, or what the models' classes are called by --classes FILE (a name on each line)",
            path.display()
        ),
    };
    let data = match names {
        Some(names) => data.for_experts(&names)?,
        None => data,
    };
    tell(&data);
    Ok(data)
}

/// What the models of a pool call their classes.
fn names_in(experts: &Path) -> anyhow::Result<Vec<String>> {
    let experts = experts.to_owned();
    let pool = PoolArgs::of_file(experts);
    Ok(pool::open(&pool)?.router.classes().to_vec())
}

/// With labels that count in its own order.
fn unmatched(path: &Path, args: &DataArgs, spec: InputSpec) -> Result<Dataset, DataError> {
    let options = OpenOptions {
        split: args.split.clone(),
        labels: args.labels.clone().unwrap_or_default(),
        labels_from: args.labels_from,
        classes: args.classes.clone(),
        corruption: args.corruption.clone(),
        severity: args.severity,
        configuration: args.configuration.clone(),
    };
    Dataset::open(path, spec, &options)
}

fn tell(data: &Dataset) {
    for note in data.notes() {
        say!("note: {note}");
    }
}
