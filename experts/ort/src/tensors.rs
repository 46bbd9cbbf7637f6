//! Floats of every size, in and out.

use drs_onnx_files::Element;
use half::{bf16, f16};
use ort::value::{DynValue, Tensor, TensorElementType};

/// A tensor of these dimensions, of the kind that the model takes.
pub(crate) fn tensor(
    element: Element,
    dims: Vec<usize>,
    floats: Vec<f32>,
) -> ort::Result<DynValue> {
    Ok(match element {
        Element::F16 => {
            let halves: Vec<f16> = floats.into_iter().map(f16::from_f32).collect();
            Tensor::from_array((dims, halves))?.into_dyn()
        }
        Element::BF16 => {
            let halves: Vec<bf16> = floats.into_iter().map(bf16::from_f32).collect();
            Tensor::from_array((dims, halves))?.into_dyn()
        }
        Element::F64 => {
            let doubles: Vec<f64> = floats.into_iter().map(f64::from).collect();
            Tensor::from_array((dims, doubles))?.into_dyn()
        }
        _ => Tensor::from_array((dims, floats))?.into_dyn(),
    })
}

/// The dimensions and values of a tensor of floats, or why it is none.
pub(crate) fn floats(value: &DynValue) -> Result<(Vec<usize>, Vec<f32>), String> {
    let said = |error: ort::Error| error.to_string();
    let (shape, floats) = match value.dtype().tensor_type() {
        Some(TensorElementType::Float32) => {
            let (shape, values) = value.try_extract_tensor::<f32>().map_err(said)?;
            (shape, values.to_vec())
        }
        Some(TensorElementType::Float16) => {
            let (shape, values) = value.try_extract_tensor::<f16>().map_err(said)?;
            (shape, values.iter().map(|value| value.to_f32()).collect())
        }
        Some(TensorElementType::Bfloat16) => {
            let (shape, values) = value.try_extract_tensor::<bf16>().map_err(said)?;
            (shape, values.iter().map(|value| value.to_f32()).collect())
        }
        // Rounding would make ties of what differs by less than a float.
        Some(TensorElementType::Float64) => {
            return Err("its scores are float64, expected float32 or float16: end the model with a Cast to float32".to_owned());
        }
        other => return Err(format!("the model's output is of {other:?}, expected floats")),
    };
    let dims = shape.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
    Ok((dims, floats))
}
