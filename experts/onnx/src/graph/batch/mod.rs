//! Operators that mix the batch.
//!
//! A certificate rests on each vote depending on its own input alone. A graph is followed from
//! its input to its output: which tensors hold a row for each input along their first
//! dimension, and which operators certainly compute over those rows. Where the layout is not
//! known any more nothing is refused here; the host's check with permuted batches remains.

mod axes;
mod flow;

use std::collections::{HashMap, HashSet};

use rten_onnx::onnx::{GraphProto, NodeProto, TensorProto};

use super::{Refusal, attribute, called, inner, integer, operator};
use flow::Flow;

/// What may stand for tensors by their names.
#[derive(Clone, Default)]
struct Known<'a> {
    flows: HashMap<&'a str, Flow>,
    /// Initializers, and the values of `Constant` nodes.
    constants: HashMap<&'a str, &'a TensorProto>,
    opset: i64,
}

/// Refuses a graph that certainly lets a vote depend on other inputs, or on chance.
pub(super) fn keeps_rows_apart(graph: &GraphProto, opset: i64) -> Result<(), Refusal> {
    let mut known = Known { opset, ..Known::default() };
    let is_weight =
        |name: &str| graph.initializer.iter().any(|tensor| tensor.name.as_deref() == Some(name));
    for input in &graph.input {
        let name = input.name.as_deref().unwrap_or_default();
        let shape = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let rank = shape.and_then(|tensor| tensor.shape.as_ref()).map(|shape| shape.dim.len());
        // Old files list weights among the inputs.
        if !is_weight(name) {
            known.flows.insert(name, Flow::Rows(rank));
        }
    }
    follow(graph, known)
}

fn follow<'a>(graph: &'a GraphProto, mut known: Known<'a>) -> Result<(), Refusal> {
    for tensor in &graph.initializer {
        known.set(tensor.name.as_deref().unwrap_or_default(), tensor);
    }
    let needed = needed(graph);
    for node in graph.node.iter().filter(|node| makes(node, &needed)) {
        if let ("Constant", Some(output)) = (operator(node), node.output.first()) {
            match attribute(node, "value").and_then(|value| value.t.as_ref()) {
                Some(tensor) => known.set(output, tensor),
                None => {
                    known.flows.insert(output, Flow::Fixed);
                }
            }
            continue;
        }
        let made = flow::through(node, &known)?;
        for graph in inner(node) {
            let mut inside = known.clone();
            let inputs = graph.input.iter().filter_map(|input| input.name.as_deref());
            inside.flows.extend(inputs.map(|name| (name, Flow::Other)));
            follow(graph, inside)?;
        }
        known.flows.extend(node.output.iter().map(|name| (name.as_str(), made)));
    }
    Ok(())
}

/// The names that the outputs depend on: rten runs nothing else.
fn needed(graph: &GraphProto) -> HashSet<&str> {
    let outputs = graph.output.iter().filter_map(|output| output.name.as_deref());
    let mut needed: HashSet<&str> = outputs.collect();
    for node in graph.node.iter().rev() {
        if makes(node, &needed) {
            uses(node, &mut needed);
        }
    }
    needed
}

fn makes(node: &NodeProto, needed: &HashSet<&str>) -> bool {
    node.output.iter().any(|output| needed.contains(output.as_str()))
}

fn uses<'a>(node: &'a NodeProto, names: &mut HashSet<&'a str>) {
    names.extend(node.input.iter().map(String::as_str));
    for graph in inner(node) {
        names.extend(graph.output.iter().filter_map(|output| output.name.as_deref()));
        graph.node.iter().for_each(|node| uses(node, names));
    }
}

impl<'a> Known<'a> {
    fn set(&mut self, name: &'a str, tensor: &'a TensorProto) {
        self.flows.insert(name, Flow::Fixed);
        self.constants.insert(name, tensor);
    }

    /// What an input of a node is; an input that is left out is nothing.
    fn input(&self, node: &NodeProto, place: usize) -> Option<Flow> {
        let name = node.input.get(place).filter(|name| !name.is_empty())?;
        // Names that nobody made are an error, which rten tells.
        Some(self.flows.get(name.as_str()).copied().unwrap_or(Flow::Other))
    }

    /// The integers that an input holds, if they are known and in the file itself.
    fn integers(&self, node: &NodeProto, place: usize) -> Option<Vec<i64>> {
        axes::integers(self.constants.get(node.input.get(place)?.as_str())?)
    }
}
