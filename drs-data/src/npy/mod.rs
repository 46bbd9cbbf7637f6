//! NumPy arrays: one input, or any array of a data set.

mod array;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum};

use crate::InputSpec;
use crate::error::DataError;

pub(crate) use array::{Array, Npy, Values};

pub(crate) fn read(path: &Path, spec: InputSpec) -> Result<LatticeInput, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let npy = Npy::new(BufReader::new(file)).map_err(fail)?;
    // Before reading: no more is read than an input has.
    let [channels, height, width] = spec.shape.dims();
    let found = npy.shape();
    if found != [channels, height, width] && (channels != 1 || found != [height, width]) {
        return Err(fail(format!(
            "an array of shape {found:?}, expected [{channels}, {height}, {width}]"
        )));
    }
    let dtype = npy.dtype().to_owned();
    let values = match npy.all().map_err(fail)?.values {
        Values::Bytes(_) if spec.quantum != Quantum::EIGHT_BIT => {
            let quantum = spec.quantum;
            return Err(fail(format!(
                "uint8 values have quantum 1/255, experts.toml expects {quantum}"
            )));
        }
        Values::Bytes(bytes) => {
            let values = bytes.into_iter().map(i16::from).collect();
            return LatticeInput::new(spec.shape, spec.quantum, values)
                .map_err(|error| fail(error.to_string()));
        }
        Values::Floats(floats) => floats.into_iter().map(f64::from).collect(),
        Values::Doubles(doubles) => doubles,
        Values::Integers(_) => {
            return Err(fail(format!(
                "dtype {dtype} is neither uint8, float32 nor float64: convert it (`a.astype(\"uint8\")` for pixels from 0 to 255)"
            )));
        }
    };
    LatticeInput::from_reals(spec.shape, spec.quantum, values).map_err(|error| {
        fail(format!("{error}; floats are pixels in [0, 1], before any normalisation"))
    })
}

/// An array of an npy file that is in memory.
pub(crate) fn array(bytes: &[u8]) -> Result<Array, String> {
    Npy::new(bytes)?.all()
}

/// An array of labels: classes by index.
pub(crate) fn classes(labels: Array) -> Result<Vec<usize>, String> {
    // A column of labels is as good as a row.
    let rows = labels.shape.first().copied().unwrap_or(0);
    if labels.shape.iter().product::<usize>() != rows {
        return Err(format!("labels of shape {:?}, expected one for each image", labels.shape));
    }
    match labels.values {
        Values::Bytes(bytes) => Ok(bytes.into_iter().map(usize::from).collect()),
        Values::Integers(integers) => {
            let label = |(index, label): (usize, i64)| {
                let wrong = |_| format!("label {index} is {label}, expected a class from 0");
                usize::try_from(label).map_err(wrong)
            };
            integers.into_iter().enumerate().map(label).collect()
        }
        Values::Floats(_) | Values::Doubles(_) => {
            Err("labels are floats, expected integers".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
