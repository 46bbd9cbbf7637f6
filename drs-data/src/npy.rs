//! NumPy arrays: one input, or any array of a data set.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use drs_core::lattice::{LatticeInput, Quantum};
use ndarray::ArrayD;
use ndarray_npy::npy::header::Header;
use ndarray_npy::{ReadNpyExt as _, ReadableElement};

use crate::InputSpec;
use crate::error::DataError;

/// Magic, version and length of the header.
const PREAMBLE: usize = 12;
/// NumPy writes 128 bytes for any plain array.
const MAX_HEADER: usize = 4096;

pub(crate) fn read(path: &Path, spec: InputSpec) -> Result<LatticeInput, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let bytes = bounded(path, spec)?;
    let header = header(&bytes).map_err(fail)?;
    // Before reading: the array is allocated as its header says.
    let [channels, height, width] = spec.shape.dims();
    let found = header.shape;
    if found != [channels, height, width] && (channels != 1 || found != [height, width]) {
        return Err(fail(format!(
            "an array of shape {found:?}, expected [{channels}, {height}, {width}]"
        )));
    }
    let dtype = header.type_descriptor.to_string();
    let values: Vec<f64> = match dtype.trim_matches('\'') {
        "|u1" | "u1" | "B" => {
            if spec.quantum != Quantum::EIGHT_BIT {
                let quantum = spec.quantum;
                return Err(fail(format!(
                    "uint8 values have quantum 1/255, experts.toml expects {quantum}"
                )));
            }
            let values = elements::<u8>(&bytes).map_err(fail)?;
            let values = values.into_iter().map(i16::from).collect();
            return LatticeInput::new(spec.shape, spec.quantum, values)
                .map_err(|error| fail(error.to_string()));
        }
        "<f4" | ">f4" => {
            elements::<f32>(&bytes).map_err(fail)?.into_iter().map(f64::from).collect()
        }
        "<f8" | ">f8" => elements(&bytes).map_err(fail)?,
        _ => {
            return Err(fail(format!(
                "dtype {dtype} is neither uint8, float32 nor float64: convert it (`a.astype(\"float32\")`)"
            )));
        }
    };
    LatticeInput::from_reals(spec.shape, spec.quantum, values).map_err(|error| {
        fail(format!("{error}; floats are pixels in [0, 1], before any normalisation"))
    })
}

/// An array of any shape.
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    /// In C order.
    pub(crate) values: Values,
}

pub(crate) enum Values {
    Bytes(Vec<u8>),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
}

/// An array of an npy file that is in memory.
pub(crate) fn array(bytes: &[u8]) -> Result<Array, String> {
    let header = header(bytes)?;
    let dtype = header.type_descriptor.to_string();
    let dtype = dtype.trim_matches('\'');
    let size = dtype.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(1usize);
    // Before reading: the array is allocated as its header says.
    let promised = header.shape.iter().try_fold(size, |product, &dim| product.checked_mul(dim));
    if promised.is_none_or(|promised| promised > bytes.len()) {
        return Err(format!(
            "its header promises {:?} values of {dtype}, it has {} bytes",
            header.shape,
            bytes.len()
        ));
    }
    #[expect(clippy::cast_possible_truncation, reason = "pixels in [0, 1]")]
    let values = match dtype {
        "|u1" | "u1" | "B" => Values::Bytes(elements(bytes)?),
        "|i1" => Values::Integers(elements::<i8>(bytes)?.into_iter().map(i64::from).collect()),
        "<i2" | ">i2" => {
            Values::Integers(elements::<i16>(bytes)?.into_iter().map(i64::from).collect())
        }
        "<i4" | ">i4" => {
            Values::Integers(elements::<i32>(bytes)?.into_iter().map(i64::from).collect())
        }
        "<i8" | ">i8" => Values::Integers(elements(bytes)?),
        "<f4" | ">f4" => Values::Floats(elements(bytes)?),
        "<f8" | ">f8" => {
            Values::Floats(elements::<f64>(bytes)?.into_iter().map(|value| value as f32).collect())
        }
        _ => {
            return Err(format!(
                "dtype {dtype} is none of uint8, int8 to int64, float32 and float64: convert it (`a.astype(\"float32\")`)"
            ));
        }
    };
    Ok(Array { shape: header.shape, values })
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
        Values::Floats(_) => Err("labels are floats, expected integers".to_owned()),
    }
}

/// The file, or as much of it as shows that it is larger than any array that fits.
fn bounded(path: &Path, spec: InputSpec) -> Result<Vec<u8>, DataError> {
    let fail = |error: std::io::Error| DataError::new(path, error);
    let most = PREAMBLE + MAX_HEADER + size_of::<f64>() * spec.shape.values() + 1;
    let mut bytes = Vec::new();
    File::open(path).map_err(fail)?.take(most as u64).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// The header, whose own length is checked first: the parser trusts it.
fn header(bytes: &[u8]) -> Result<Header, String> {
    let length = match bytes {
        [_, _, _, _, _, _, 1, _, low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
        [_, _, _, _, _, _, _, _, a, b, c, d, ..] => u32::from_le_bytes([*a, *b, *c, *d]) as usize,
        _ => return Err(format!("not a readable .npy: it has {} bytes", bytes.len())),
    };
    // The magic is for the parser to miss in a file of another kind.
    if bytes.starts_with(b"\x93NUMPY") && length > MAX_HEADER {
        return Err(format!("a .npy header of {length} bytes, expected at most {MAX_HEADER}"));
    }
    Header::from_reader(&mut &bytes[..]).map_err(|error| format!("not a readable .npy: {error}"))
}

/// The values in C order.
fn elements<T: ReadableElement + Clone>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let array =
        ArrayD::<T>::read_npy(bytes).map_err(|error| format!("not a readable .npy: {error}"))?;
    // Iteration is in logical order, whatever the order in memory.
    Ok(array.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_image;
    use drs_core::lattice::{Given, Shape};
    use ndarray::{Array, ShapeBuilder as _, array};
    use ndarray_npy::{WritableElement, WriteNpyExt as _};

    fn spec() -> InputSpec {
        InputSpec {
            shape: Shape::new([1, 2, 2]).unwrap(),
            quantum: Quantum::EIGHT_BIT,
            resize: None,
        }
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
        assert_eq!((input.values(), input.given()), (&[1, 2, 3, 255][..], Given::Lattice));
        let input = read_back(&array![[[1.0f32 / 255.0, 0.0], [1.0, 2.0 / 255.0]]]).unwrap();
        assert_eq!((input.values(), input.given()), (&[1, 0, 255, 2][..], Given::NearLattice));
        let real = read_back(&array![[0.5f64, 0.0], [1.0, 0.25]]).unwrap();
        assert_eq!(real.reals(), Some(&[0.5, 0.0, 1.0, 0.25][..]));
    }

    /// A file with a header of version 2 or 3, as it stands.
    fn read_raw(header: &str, data: &[u8]) -> Result<LatticeInput, DataError> {
        let length = u32::try_from(header.len()).unwrap().to_le_bytes();
        let bytes = [b"\x93NUMPY\x02\x00", &length[..], header.as_bytes(), data].concat();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        std::fs::write(&path, bytes).unwrap();
        read_image(&path, spec())
    }

    fn dict(dtype: &str, shape: &str) -> String {
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n")
    }

    #[test]
    fn both_byte_orders_are_read() {
        let values = [0.0, 1.0, 0.2, 0.4];
        let cases = [
            ("<f4", values.map(|v| (v as f32).to_le_bytes()).concat()),
            (">f4", values.map(|v| (v as f32).to_be_bytes()).concat()),
            ("<f8", values.map(f64::to_le_bytes).concat()),
            (">f8", values.map(f64::to_be_bytes).concat()),
        ];
        for (dtype, data) in cases {
            let input = read_raw(&dict(dtype, "(2, 2)"), &data).unwrap();
            assert_eq!(input.values(), [0, 255, 51, 102], "{dtype}");
        }
    }

    #[test]
    fn headers_that_promise_too_much_cost_no_memory() {
        let error = |header: &str| read_raw(header, &[1, 2, 3, 4]).unwrap_err().to_string();
        for shape in
            ["(1000000000000000,)", "(0, 99999999999999999999)", "(4294967296, 4294967296)"]
        {
            assert!(error(&dict("|u1", shape)).contains("x.npy"), "{shape}");
        }
        assert!(error(&dict("|u1", "(1000000000000000,)")).contains("expected [1, 2, 2]"));
        assert!(error(&"(".repeat(5000)).contains("header of 5000 bytes"));
        assert!(error(&"(".repeat(4000)).contains("not a readable .npy"));
    }

    #[test]
    fn surplus_bytes_are_an_error() {
        assert!(read_raw(&dict("|u1", "(2, 2)"), &[1, 2, 3, 4]).is_ok());
        assert!(read_raw(&dict("|u1", "(2, 2)"), &[1, 2, 3, 4, 5]).is_err());
        assert!(read_raw(&dict("<f8", "(2, 2)"), &[0; 33]).is_err());
        assert!(read_raw(&dict("<f8", "(2, 2)"), &[0; 10_000]).is_err());
    }

    #[test]
    fn uint8_needs_the_8_bit_quantum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        array![[1u8, 2], [3, 4]].write_npy(File::create(&path).unwrap()).unwrap();
        let coarse = InputSpec { quantum: "1/15".parse().unwrap(), ..spec() };
        assert!(read_image(&path, coarse).unwrap_err().to_string().contains("1/15"));
        array![[0.0f64, 1.0 / 15.0], [0.2, 1.0]].write_npy(File::create(&path).unwrap()).unwrap();
        assert_eq!(read_image(&path, coarse).unwrap().values(), [0, 1, 3, 15]);
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
