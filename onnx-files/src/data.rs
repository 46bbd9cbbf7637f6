//! External data: weights in files beside the graph, as exporters write them by default.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use rten_onnx::onnx::{DataLocation, GraphProto, TensorProto};

use crate::Refusal;
use crate::walk::tensors;

/// The files that tensors name, relative to the graph's folder.
pub(super) fn locations(graph: &GraphProto) -> Result<Vec<String>, Refusal> {
    let mut found = BTreeSet::new();
    let mut wrong = None;
    tensors(graph, &mut |tensor| match location(tensor) {
        None => {}
        Some(location) => match check(location, tensor) {
            Ok(()) => {
                found.insert(location.to_owned());
            }
            Err(refusal) => {
                wrong.get_or_insert(refusal);
            }
        },
    });
    wrong.map_or(Ok(found.into_iter().collect()), Err)
}

pub(super) fn location(tensor: &TensorProto) -> Option<&str> {
    if is_external(tensor) { entry(tensor, "location") } else { None }
}

pub(super) fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(DataLocation::EXTERNAL)
}

/// What is told of a tensor's place. Of several entries the last counts, as for rten.
pub(super) fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    let mut entries = tensor.external_data.iter().rev();
    entries.find(|entry| entry.key.as_deref() == Some(key))?.value.as_deref()
}

/// Such a file must lie beside the graph: a model must not reach for files elsewhere.
fn check(location: &str, tensor: &TensorProto) -> Result<(), Refusal> {
    let mut parts = Path::new(location).components();
    let is_beside = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    let extension = Path::new(location).extension().unwrap_or_default().to_string_lossy();
    let is_readable = extension.starts_with("data") || extension.starts_with("onnx_data");
    let problem = match (is_beside, is_readable) {
        (true, true) => return Ok(()),
        (false, _) => "expected a file beside the model, without folders",
        (true, false) => "expected a name that ends in .data or .onnx_data",
    };
    let name = tensor.name.as_deref().unwrap_or_default();
    Err(Refusal {
        problem: format!("tensor \"{name}\" lies in the file \"{location}\", {problem}"),
        remedy: "save it anew with onnx.save_model(model, \"NAME.onnx\", save_as_external_data=True, location=\"NAME.onnx.data\")".to_owned(),
    })
}
