//! A request's tensor as inputs.

use drs_core::lattice::LatticeInput;
use drs_data::{InputSpec, decode_image};

use crate::error::Refusal;
use crate::request::Input;
use crate::tensors::{Given, files, floats};

/// The name of the only input tensor.
pub(crate) const NAME: &str = "image";

/// An input that is not decoded yet: that is work, which waits for its turn.
#[derive(Debug, Clone)]
pub(crate) enum Encoded {
    Pixels(Vec<u8>),
    Floats(Vec<f32>),
    File(bytes::Bytes),
}

/// An input, and how far it lies from what was given, rounded up.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) input: LatticeInput,
    pub(crate) distance: f64,
    /// What was done to a file's pixels.
    pub(crate) note: Option<String>,
}

/// The inputs of a request, one by one.
pub(crate) fn inputs(
    given: Vec<Input>,
    spec: InputSpec,
    most: usize,
) -> Result<Vec<Encoded>, Refusal> {
    let Ok([input]) = <[Input; 1]>::try_from(given) else {
        return Err(Refusal::invalid(format!("expected one input, {NAME}")));
    };
    let Input { name, datatype, shape, values } = input;
    let fail = |problem: String| Refusal::invalid(format!("input {name}: {problem}"));
    if name != NAME {
        return Err(fail(format!("no such input, expected {NAME}")));
    }
    if datatype == "UINT8" && spec.quantum.levels() != 255 {
        return Err(fail(format!(
            "UINT8 found, whose values are multiples of 1/255, expected FP32: the quantum is {}",
            spec.quantum
        )));
    }
    let count = match (datatype.as_str(), shape.as_slice()) {
        ("BYTES", [count] | [count, 1]) => *count,
        ("UINT8" | "FP32", [count, dims @ ..]) if is_shape(dims, spec) => *count,
        ("BYTES", _) => {
            return Err(fail(format!(
                "shape {shape:?} found, expected [count]: an encoded image each"
            )));
        }
        ("UINT8" | "FP32", _) => {
            let [channels, height, width] = spec.shape.dims();
            return Err(fail(format!(
                "shape {shape:?} found, expected [count, {channels}, {height}, {width}]"
            )));
        }
        _ => {
            return Err(fail(format!(
                "datatype {datatype} found, expected UINT8, FP32 or BYTES (encoded images)"
            )));
        }
    };
    let count = usize::try_from(count).ok().filter(|count| (1..=most).contains(count));
    let Some(count) = count else {
        return Err(fail(format!("shape {shape:?}: expected 1 to {most} images at a time")));
    };
    let found = each(&datatype, values, spec, &name)?;
    if found.len() == count {
        Ok(found)
    } else {
        Err(fail(format!(
            "data of {} images found, expected {count}, as the shape says",
            found.len()
        )))
    }
}

fn is_shape(dims: &[i64], spec: InputSpec) -> bool {
    let expected = spec.shape.dims();
    let fits = |(found, expected): (&i64, &usize)| usize::try_from(*found) == Ok(*expected);
    dims.len() == expected.len() && dims.iter().zip(&expected).all(fits)
}

fn each(
    datatype: &str,
    values: Given,
    spec: InputSpec,
    name: &str,
) -> Result<Vec<Encoded>, Refusal> {
    let size = spec.shape.values();
    let uneven = |found: usize, of: &str| {
        Refusal::invalid(format!("input {name}: {found} {of} found, expected a multiple of {size}"))
    };
    let all = match (datatype, values) {
        ("BYTES", Given::Raw(raw)) => files(raw, name)?.into_iter().map(Encoded::File).collect(),
        ("BYTES", Given::Files(files)) => files.into_iter().map(Encoded::File).collect(),
        ("UINT8", Given::Raw(raw)) => {
            pixels(&raw, size).ok_or_else(|| uneven(raw.len(), "bytes"))?
        }
        ("UINT8", Given::Bytes(bytes)) => {
            pixels(&bytes, size).ok_or_else(|| uneven(bytes.len(), "values"))?
        }
        ("FP32", Given::Raw(raw)) => {
            let floats =
                floats(&raw).ok_or_else(|| uneven(raw.len(), "bytes, four for each value,"))?;
            reals(&floats, size).ok_or_else(|| uneven(floats.len(), "values"))?
        }
        ("FP32", Given::Floats(floats)) => {
            reals(&floats, size).ok_or_else(|| uneven(floats.len(), "values"))?
        }
        _ => {
            return Err(Refusal::invalid(format!(
                "input {name}: its contents are not of the datatype {datatype}"
            )));
        }
    };
    Ok(all)
}

fn pixels(bytes: &[u8], size: usize) -> Option<Vec<Encoded>> {
    let all = bytes.chunks_exact(size);
    all.remainder().is_empty().then(|| all.map(|image| Encoded::Pixels(image.to_vec())).collect())
}

fn reals(floats: &[f32], size: usize) -> Option<Vec<Encoded>> {
    let all = floats.chunks_exact(size);
    all.remainder().is_empty().then(|| all.map(|image| Encoded::Floats(image.to_vec())).collect())
}

impl Encoded {
    pub(crate) fn decode(self, spec: InputSpec) -> Result<Decoded, String> {
        let exact = |input| Decoded { input, distance: 0.0, note: None };
        match self {
            Self::File(bytes) => {
                let image = decode_image(&bytes, spec)?;
                Ok(Decoded { note: image.conversion, ..exact(image.input) })
            }
            Self::Pixels(bytes) => {
                let values = bytes.into_iter().map(i16::from).collect();
                let input = LatticeInput::new(spec.shape, spec.quantum, values);
                input.map(exact).map_err(|error| error.to_string())
            }
            Self::Floats(floats) => {
                let reals: Vec<f64> = floats.into_iter().map(f64::from).collect();
                let input = LatticeInput::from_reals(spec.shape, spec.quantum, reals.clone())
                    .map_err(|error| {
                        format!("{error}: divide pixels by 255, or send them as UINT8")
                    })?;
                let distance = input.distance_from(&reals);
                Ok(Decoded { distance, ..exact(input) })
            }
        }
    }
}
