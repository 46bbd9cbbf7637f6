//! NumPy arrays of one input.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum};
use ndarray::ArrayD;
use ndarray_npy::{ReadNpyError, ReadNpyExt as _, ReadableElement};

use crate::InputSpec;
use crate::error::DataError;

pub(crate) fn read(path: &Path, spec: InputSpec) -> Result<LatticeInput, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    if let Some(values) = elements::<u8>(path, spec)? {
        if spec.quantum != Quantum::EIGHT_BIT {
            let quantum = spec.quantum;
            return Err(fail(format!(
                "uint8 values have quantum 1/255, experts.toml expects {quantum}"
            )));
        }
        let values = values.into_iter().map(i16::from).collect();
        return LatticeInput::new(spec.shape, spec.quantum, values)
            .map_err(|error| fail(error.to_string()));
    }
    let values = match elements::<f32>(path, spec)? {
        Some(values) => values.into_iter().map(f64::from).collect(),
        None => elements::<f64>(path, spec)?
            .ok_or_else(|| fail("neither uint8, float32 nor float64".to_owned()))?,
    };
    LatticeInput::quantise(spec.shape, spec.quantum, &values).map_err(|error| {
        fail(format!("{error}; floats are pixels in [0, 1], before any normalisation"))
    })
}

/// The values in C order, or `None` if they are of another type.
fn elements<T: ReadableElement + Clone>(
    path: &Path,
    spec: InputSpec,
) -> Result<Option<Vec<T>>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let array = match ArrayD::<T>::read_npy(BufReader::new(file)) {
        Ok(array) => array,
        Err(ReadNpyError::WrongDescriptor(_)) => return Ok(None),
        Err(error) => return Err(fail(format!("not a readable .npy: {error}"))),
    };
    let [channels, height, width] = spec.shape.dims();
    let fits = array.shape() == [channels, height, width]
        || (channels == 1 && array.shape() == [height, width]);
    if !fits {
        let found = array.shape();
        return Err(fail(format!(
            "an array of shape {found:?}, expected [{channels}, {height}, {width}]"
        )));
    }
    // Iteration is in logical order, whatever the order in memory.
    Ok(Some(array.iter().cloned().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_image;
    use drs_core::lattice::Shape;
    use ndarray::{Array, ShapeBuilder as _, array};
    use ndarray_npy::{WritableElement, WriteNpyExt as _};

    fn spec() -> InputSpec {
        InputSpec { shape: Shape::new([1, 2, 2]).unwrap(), quantum: Quantum::EIGHT_BIT }
    }

    fn read_back<T: WritableElement, D: ndarray::Dimension>(
        array: &Array<T, D>,
    ) -> Result<LatticeInput, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        array.write_npy(File::create(&path).unwrap()).unwrap();
        read_image(&path, spec())
    }

    #[test]
    fn integers_are_lattice_values_and_floats_are_pixels() {
        let input = read_back(&array![[1u8, 2], [3, 255]]).unwrap();
        assert_eq!((input.values(), input.quantised()), (&[1, 2, 3, 255][..], false));
        let input = read_back(&array![[[1.0f32 / 255.0, 0.0], [1.0, 2.0 / 255.0]]]).unwrap();
        assert_eq!((input.values(), input.quantised()), (&[1, 0, 255, 2][..], false));
        assert!(read_back(&array![[0.5f64, 0.0], [1.0, 0.25]]).unwrap().quantised());
    }

    #[test]
    fn fortran_order_is_understood() {
        let array = Array::from_shape_vec((2, 2).f(), vec![1u8, 2, 3, 4]).unwrap();
        assert_eq!(read_back(&array).unwrap().values(), [1, 3, 2, 4]);
    }

    #[test]
    fn wrong_types_shapes_and_values_are_named() {
        let error = |result: Result<LatticeInput, DataError>| result.unwrap_err().to_string();
        assert!(
            error(read_back(&array![[1i64, 2], [3, 4]])).contains("uint8, float32 nor float64")
        );
        assert!(error(read_back(&array![1u8, 2, 3, 4])).contains("shape [4], expected [1, 2, 2]"));
        assert!(error(read_back(&array![[0.1f32, 2.0], [0.0, 0.0]])).contains("outside [0, 1]"));
        assert!(
            error(read_back(&array![[0.1f32, f32::NAN], [0.0, 0.0]])).contains("outside [0, 1]")
        );
    }

    #[test]
    fn truncated_files_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        array![[1u8, 2], [3, 4]].write_npy(File::create(&path).unwrap()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(read_image(&path, spec()).is_err(), "{length} bytes");
        }
    }
}
