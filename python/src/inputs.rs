//! Arrays and files as inputs.

use std::path::PathBuf;

use drs_core::lattice::LatticeInput;
use drs_data::{InputSpec, Inputs, read_image};
use numpy::{PyArrayDyn, PyArrayMethods as _, PyUntypedArray, PyUntypedArrayMethods as _};
use pyo3::prelude::*;

/// An input from an array `[channels, height, width]` of uint8 or of floats in \[0, 1\], or from the
/// path of an image; and how far it lies from what was given, rounded up: floats close to
/// lattice points are taken for them.
pub(crate) fn input(
    item: &Bound<'_, PyAny>,
    spec: InputSpec,
) -> Result<(LatticeInput, f64), String> {
    if let Ok(array) = item.cast::<PyUntypedArray>() {
        return of_array(array, spec);
    }
    match item.extract::<PathBuf>() {
        Ok(path) => {
            let read = item.py().detach(|| read_image(&path, spec));
            read.map(|image| (image.input, 0.0)).map_err(|error| error.to_string())
        }
        Err(_) => {
            let kind =
                item.get_type().name().map_or_else(|_| String::new(), |name| name.to_string());
            Err(format!("a {kind} found, expected an array [channels, height, width] or a path"))
        }
    }
}

fn of_array(
    array: &Bound<'_, PyUntypedArray>,
    spec: InputSpec,
) -> Result<(LatticeInput, f64), String> {
    let (found, expected) = (array.shape(), spec.shape.dims());
    if found != expected {
        return Err(format!("an array of shape {found:?} found, expected {expected:?}"));
    }
    let failed = |error: drs_core::lattice::LatticeError| error.to_string();
    if let Ok(bytes) = array.cast::<PyArrayDyn<u8>>() {
        if spec.quantum.levels() != 255 {
            return Err(format!(
                "bytes found, which are multiples of 1/255, expected floats: the quantum is {}",
                spec.quantum
            ));
        }
        let values = bytes.readonly().as_array().iter().map(|&byte| i16::from(byte)).collect();
        let input = LatticeInput::new(spec.shape, spec.quantum, values);
        return input.map(|input| (input, 0.0)).map_err(failed);
    }
    let reals: Vec<f64> = if let Ok(floats) = array.cast::<PyArrayDyn<f32>>() {
        floats.readonly().as_array().iter().map(|&value| f64::from(value)).collect()
    } else if let Ok(doubles) = array.cast::<PyArrayDyn<f64>>() {
        doubles.readonly().as_array().iter().copied().collect()
    } else {
        let kind = array.dtype();
        return Err(format!("an array of {kind} found, expected uint8, float32 or float64"));
    };
    let given = reals.clone();
    let input = LatticeInput::from_reals(spec.shape, spec.quantum, reals).map_err(failed)?;
    let distance = input.distance_from(&given);
    Ok((input, distance))
}

/// Inputs of a data set in Python: an object with a length, whose items are arrays or paths.
pub(crate) struct Items {
    pub(crate) items: Py<PyAny>,
    pub(crate) count: usize,
    pub(crate) spec: InputSpec,
}

impl Inputs for Items {
    fn count(&self) -> usize {
        self.count
    }

    fn input(&self, index: usize) -> Result<LatticeInput, String> {
        let read = Python::try_attach(|py| {
            let item = self.items.bind(py).get_item(index).map_err(|error| error.to_string())?;
            // As the command takes the floats of a file: the certificate is about this input.
            input(&item, self.spec).map(|(input, _)| input)
        });
        read.unwrap_or_else(|| Err("the interpreter has ended".to_owned()))
    }
}
