//! Sizes that a file states, beside what is there.

use std::path::Path;

use rten_onnx::onnx::{DataType, GraphProto, TensorProto};

use crate::walk::tensors;
use crate::{Refusal, data};

/// Refuses tensors that are larger than their bytes, or lie outside their file.
pub(super) fn fit(graph: &GraphProto, folder: &Path) -> Result<(), Refusal> {
    let mut wrong = None;
    tensors(graph, &mut |tensor| {
        if wrong.is_none() {
            wrong = inline(tensor).and_then(|()| external(tensor, folder)).err();
        }
    });
    wrong.map_or(Ok(()), Err)
}

/// Bytes of an element, where it has whole ones and is of a type that rten reads.
fn element(tensor: &TensorProto) -> Option<u64> {
    Some(match tensor.data_type? {
        DataType::DOUBLE | DataType::INT64 => 8,
        DataType::FLOAT | DataType::INT32 => 4,
        DataType::FLOAT16 => 2,
        DataType::INT8 | DataType::UINT8 | DataType::BOOL => 1,
        _ => return None,
    })
}

fn inline(tensor: &TensorProto) -> Result<(), Refusal> {
    let name = tensor.name.as_deref().unwrap_or_default();
    let refuse = |problem: String| {
        let problem = format!("tensor \"{name}\" has the dimensions {:?}, {problem}", tensor.dims);
        Err(Refusal { problem, remedy: "the file is damaged: copy or export it again".to_owned() })
    };
    let mut elements = Some(1u64);
    for dim in &tensor.dims {
        let Ok(dim) = u64::try_from(*dim) else {
            return refuse("expected none below 0".to_owned());
        };
        elements = elements.and_then(|elements| elements.checked_mul(dim));
    }
    let most = isize::MAX as u64;
    let bytes = elements.and_then(|elements| elements.checked_mul(element(tensor).unwrap_or(8)));
    let Some(bytes) = bytes.filter(|bytes| *bytes <= most) else {
        return refuse("which is more than any memory holds".to_owned());
    };
    let Some(raw) = &tensor.raw_data else { return Ok(()) };
    let found = raw.borrow().len() as u64;
    if element(tensor).is_some() && found < bytes && !data::is_external(tensor) {
        return refuse(format!("which are {bytes} bytes; {found} are in the file"));
    }
    Ok(())
}

fn external(tensor: &TensorProto, folder: &Path) -> Result<(), Refusal> {
    let Some(location) = data::location(tensor) else { return Ok(()) };
    // What is missing or no number is told by rten.
    let number = |key: &str| data::entry(tensor, key).and_then(|text| text.parse::<u64>().ok());
    let (Some(offset), Some(length)) = (number("offset"), number("length")) else { return Ok(()) };
    let name = tensor.name.as_deref().unwrap_or_default();
    let refuse = |problem: String| {
        Err(Refusal {
            problem: format!(
                "tensor \"{name}\" is {length} bytes of the file \"{location}\" from byte {offset} on, {problem}"
            ),
            remedy: "copy both files again, or save the model anew with onnx.save_model".to_owned(),
        })
    };
    let size = match std::fs::metadata(folder.join(location)) {
        Ok(found) => found.len(),
        Err(error) => return refuse(format!("which cannot be read: {error}")),
    };
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return refuse(format!("which has {size} bytes"));
    }
    Ok(())
}
