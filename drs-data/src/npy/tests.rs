use super::*;
use crate::read_image;
use drs_core::lattice::{Given, Shape};
use ndarray::{Array, ShapeBuilder as _, array};
use ndarray_npy::{WritableElement, WriteNpyExt as _};

fn spec() -> InputSpec {
    InputSpec { shape: Shape::new([1, 2, 2]).unwrap(), quantum: Quantum::EIGHT_BIT, resize: None }
}

fn read_back<T: WritableElement, D: ndarray::Dimension>(
    array: &Array<T, D>,
) -> Result<LatticeInput, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    array.write_npy(File::create(&path).unwrap()).unwrap();
    read_input(&path, spec())
}

fn read_input(path: &Path, spec: InputSpec) -> Result<LatticeInput, DataError> {
    read_image(path, spec).map(|image| image.input)
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
    read_input(&path, spec())
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
    for shape in ["(1000000000000000,)", "(0, 99999999999999999999)", "(4294967296, 4294967296)"] {
        assert!(error(&dict("|u1", shape)).contains("x.npy"), "{shape}");
    }
    assert!(error(&dict("|u1", "(1000000000000000,)")).contains("expected [1, 2, 2]"));
    assert!(error(&"(".repeat(5000)).contains("header of 5000 bytes"));
    // The parser would try each of them as a set, and as a dict.
    for bracket in ["{", "[", "("] {
        let nested = format!("{{'descr': '<i8', {}", bracket.repeat(30));
        assert!(error(&nested).contains("31 brackets"), "{bracket}");
        assert!(error(&bracket.repeat(6)).contains("not a readable .npy"), "{bracket}");
    }
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
    assert_eq!(read_input(&path, coarse).unwrap().values(), [0, 1, 3, 15]);
}

#[test]
fn fortran_order_is_understood() {
    let array = Array::from_shape_vec((2, 2).f(), vec![1u8, 2, 3, 4]).unwrap();
    assert_eq!(read_back(&array).unwrap().values(), [1, 3, 2, 4]);
}

#[test]
fn wrong_types_shapes_and_values_are_named() {
    let error = |result: Result<LatticeInput, DataError>| result.unwrap_err().to_string();
    assert!(error(read_back(&array![[1i64, 2], [3, 4]])).contains("uint8, float32 nor float64"));
    assert!(error(read_back(&array![1u8, 2, 3, 4])).contains("shape [4], expected [1, 2, 2]"));
    assert!(error(read_back(&array![[0.1f32, 2.0], [0.0, 0.0]])).contains("outside [0, 1]"));
    assert!(error(read_back(&array![[0.1f32, f32::NAN], [0.0, 0.0]])).contains("outside [0, 1]"));
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

#[test]
fn rows_are_read_without_those_around_them() {
    let floats = Array::from_shape_fn((4, 2, 3), |(i, j, k)| (100 * i + 10 * j + k) as f32);
    let fortran = Array::from_shape_fn((4, 2, 3).f(), |place| floats[place]);
    for array in [floats, fortran] {
        let mut bytes = Vec::new();
        array.write_npy(&mut bytes).unwrap();
        let rows = |rows| Npy::new(&bytes[..]).unwrap().rows(rows).unwrap();
        let middle = rows(1..3);
        let Values::Floats(values) = middle.values else { panic!("floats") };
        assert_eq!(middle.shape, [2, 2, 3]);
        assert_eq!(
            values,
            [100., 101., 102., 110., 111., 112., 200., 201., 202., 210., 211., 212.]
        );
        assert_eq!(rows(2..2).shape, [0, 2, 3]);
        // A file that ends too soon lacks the last rows alone, where they lie one by one.
        let cut = &bytes[..bytes.len() - 1];
        assert!(Npy::new(cut).unwrap().all().is_err());
    }
}

#[test]
fn labels_of_any_integer_type_are_classes() {
    let header = |dtype| {
        let dict = dict(dtype, "(2,)");
        let length = u32::try_from(dict.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x02\x00", &length[..], dict.as_bytes()].concat()
    };
    let cases: [(&str, &[u8]); 6] = [
        ("|u1", &[3, 200]),
        ("<u2", &[3, 0, 200, 0]),
        (">u4", &[0, 0, 0, 3, 0, 0, 0, 200]),
        ("<i2", &[3, 0, 200, 0]),
        (">i4", &[0, 0, 0, 3, 0, 0, 0, 200]),
        ("<i8", &[3, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (dtype, data) in cases {
        let bytes = [header(dtype), data.to_vec()].concat();
        assert_eq!(classes(array(&bytes).unwrap()), Ok(vec![3, 200]), "{dtype}");
    }
    let negative = [header("|i1"), vec![0, 255]].concat();
    let error = classes(array(&negative).unwrap()).unwrap_err();
    assert!(error.contains("label 1 is -1"), "{error}");
    assert!(array(&header("<c8")).err().unwrap().contains("dtype <c8"));
}
