//! What rten lacks, and what it computes wrongly.

use std::path::Path;

use drs_onnx_files::{Operator, Refusal, attribute, called, inner, nodes, operator};
use drs_plugins_api::Error;
use rten::ModelOptions;
use rten_onnx::onnx::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto};

/// rten says this of an operator that it does not know.
const UNKNOWN: &str = "operator not supported";

/// Whether rten can follow a graph, and computes it right.
pub(crate) fn check(graph: &GraphProto, path: &Path) -> Result<(), Error> {
    few_enough(graph).and_then(|()| computed_right(graph)).map_err(|refusal| refusal.of(path))
}

/// What rten said of a file that it does not load, with all that is in the way.
pub(crate) fn explain(path: &Path, operators: &[Operator], said: &str) -> Error {
    all_missing(operators, said).of(path)
}

/// rten names the first obstacle only; whoever exports a model wants to know all.
fn all_missing(operators: &[Operator], said: &str) -> Refusal {
    let missing: Vec<&str> = if said.contains(UNKNOWN) {
        let unknown = operators.iter().filter(|operator| !is_known(operator));
        unknown.map(|(_, name)| name.as_str()).collect()
    } else {
        Vec::new()
    };
    if missing.is_empty() {
        let remedy =
            if said.contains("BFLOAT16") { "convert the model to float32 or float16" } else { "" };
        return Refusal { problem: said.to_owned(), remedy: remedy.to_owned() };
    }
    let is_quantised = |name: &&str| name.starts_with("QLinear") || *name == "QGemm";
    let remedy = if missing.iter().any(is_quantised) {
        "use plugin = \"ort\", which runs them, or quantise the model in the QDQ format (quant_format=QuantFormat.QDQ), or use the float model"
    } else {
        "use plugin = \"ort\", which runs all of ONNX's own operators, or export the model without them"
    };
    let problem = format!("operators that are not supported: {}", missing.join(", "));
    Refusal { problem, remedy: remedy.to_owned() }
}

/// Whether rten knows an operator, found out with a graph of this node alone.
fn is_known((domain, name): &Operator) -> bool {
    let node = NodeProto {
        domain: Some(domain.clone()),
        name: Some("node".to_owned()),
        op_type: Some(name.clone()),
        ..NodeProto::default()
    };
    let opset = OperatorSetIdProto { domain: Some(domain.clone()), version: Some(17) };
    let model = ModelProto {
        ir_version: Some(8),
        graph: Some(GraphProto { node: vec![node], ..GraphProto::default() }),
        opset_import: vec![opset],
        ..ModelProto::default()
    };
    let loaded = model
        .write_buf()
        .map_err(|error| error.to_string())
        .and_then(|bytes| ModelOptions::with_all_ops().load(bytes).map_err(|e| e.to_string()));
    // Attributes that are missing are another error.
    !loaded.is_err_and(|said| said.contains(UNKNOWN))
}

/// rten follows a chain of nodes by functions that call themselves: longer ones would end the
/// process. Large language models have a tenth of it.
const NODES: usize = 100_000;

/// Refuses what is too long for rten to follow.
fn few_enough(graph: &GraphProto) -> Result<(), Refusal> {
    let mut count = 0;
    nodes(graph, &mut |_| count += 1);
    if count <= NODES {
        return Ok(());
    }
    Err(Refusal {
        problem: format!("its graph has {count} nodes, expected at most {NODES}"),
        remedy: "simplify the graph, for example with onnxsim".to_owned(),
    })
}

/// Refuses what rten 0.27 computes wrongly.
fn computed_right(graph: &GraphProto) -> Result<(), Refusal> {
    for node in &graph.node {
        if operator(node) == "ConvInteger" && !has_kernel_of_one(node, graph) {
            return Err(Refusal {
                problem: format!(
                    "{}: integer convolutions are right for kernels of 1x1 only here",
                    called(node)
                ),
                remedy: "use the float model, or quantise it in the QDQ format (quantize_static with quant_format=QuantFormat.QDQ)".to_owned(),
            });
        }
        inner(node).try_for_each(computed_right)?;
    }
    Ok(())
}

fn has_kernel_of_one(node: &NodeProto, graph: &GraphProto) -> bool {
    let weights = node.input.get(1);
    let weights = graph.initializer.iter().find(|tensor| tensor.name.as_ref() == weights);
    match (weights, attribute(node, "kernel_shape")) {
        (Some(weights), _) => weights.dims.iter().skip(2).all(|&size| size == 1),
        (None, Some(shape)) => shape.ints.iter().all(|&size| size == 1),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests;
