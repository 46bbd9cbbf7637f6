//! What a run is: how its description is made and written. `drs-analysis` reads it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use drs_analysis::{DataRecord, Header};
use drs_core::lattice::Digest;
use drs_data::Dataset;

use crate::error::RunError;
use crate::whole::Prepared;

/// Inputs whose digests stand for the data set's.
const PROBES: usize = 64;

/// Reads those inputs of a data set that stand for it. One that cannot be read says nothing of the
/// others; where none can, the data are not what they are taken for.
pub(crate) fn record(data: &Dataset) -> Result<DataRecord, RunError> {
    let inputs = data.len();
    let label = |index| data.label(index).map_or_else(|| "-".to_owned(), |l| l.to_string());
    let labels: Vec<String> = (0..inputs).map(label).collect();
    let labels = Digest::of(labels.join("\n").as_bytes());
    let step = inputs.div_ceil(PROBES).max(1);
    let (mut probes, mut problem) = (BTreeMap::new(), None);
    // Decoding may be all that takes time: on all cores.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let read = |index| (index, data.get(index));
    drs_router::ordered((0..inputs).step_by(step), threads, read, |(index, read)| {
        let digest = match read {
            Ok(example) => Some(example.input.digest()),
            Err(error) => {
                problem.get_or_insert(error);
                None
            }
        };
        probes.insert(index, digest);
        Ok::<(), RunError>(())
    })?;
    match problem {
        Some(problem) if probes.values().all(Option::is_none) => {
            let context = format!("none of the {} inputs tried can be read", probes.len());
            Err(RunError::from(problem).within(context))
        }
        _ => Ok(DataRecord { inputs, labels, probes }),
    }
}

/// Writes a description whole or not at all.
pub(crate) fn write(header: &Header, path: &Path) -> Result<(), RunError> {
    prepared(header, path)?.put()
}

/// Writes it, but does not give it its name yet.
pub(crate) fn prepared(header: &Header, path: &Path) -> Result<Prepared, RunError> {
    let text = header.text()?;
    Prepared::new(path, |file| file.write_all(text.as_bytes()))
}
