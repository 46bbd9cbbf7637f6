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

use crate::Refusal;
use crate::walk::{attribute, inner, integer, operator};
use flow::Flow;

/// What may stand for tensors by their names.
#[derive(Default)]
struct Known<'a> {
    /// What is known around this graph, if it is inside another one. A graph may have many inside
    /// it: none copies what it is given.
    outer: Option<&'a Known<'a>>,
    flows: HashMap<&'a str, Flow>,
    /// Initializers, and the values of `Constant` nodes.
    constants: HashMap<&'a str, &'a TensorProto>,
    /// Numbers of dimensions of what is in the file.
    ranks: HashMap<&'a str, usize>,
    opset: i64,
}

/// Refuses a graph that certainly lets a vote depend on other inputs, or on chance.
pub(super) fn keeps_rows_apart(graph: &GraphProto, opset: i64) -> Result<(), Refusal> {
    let mut known = Known { opset, ..Known::default() };
    let weights: HashSet<&str> =
        graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
    for input in &graph.input {
        let name = input.name.as_deref().unwrap_or_default();
        let shape = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let rank = shape.and_then(|tensor| tensor.shape.as_ref()).map(|shape| shape.dim.len());
        // Old files list weights among the inputs.
        if !weights.contains(name) {
            known.flows.insert(name, Flow::Rows(rank));
        }
    }
    follow(graph, known).map(drop)
}

/// What the outputs of a graph are.
fn follow<'a>(graph: &'a GraphProto, mut known: Known<'a>) -> Result<Vec<Flow>, Refusal> {
    for tensor in &graph.initializer {
        known.set(tensor.name.as_deref().unwrap_or_default(), tensor);
    }
    let needed = needed(graph);
    for node in graph.node.iter().filter(|node| makes(node, &needed)) {
        if let ("Constant", Some(output)) = (operator(node), node.output.first()) {
            known.constant(node, output);
            continue;
        }
        let made = match inner(node).next() {
            Some(_) => inside(node, &known)?,
            None => flow::through(node, &known)?,
        };
        if let ("Identity", [from], [to]) = (operator(node), &*node.input, &*node.output) {
            known.call(from, to);
        }
        known.flows.extend(node.output.iter().map(|name| (name.as_str(), made)));
    }
    let flow = |name: &str| known.flow(name).unwrap_or(Flow::Other);
    Ok(graph.output.iter().filter_map(|output| Some(flow(output.name.as_deref()?))).collect())
}

/// What a node makes by the graphs inside it, which may use anything that came before.
fn inside<'a>(node: &'a NodeProto, known: &'a Known<'a>) -> Result<Flow, Refusal> {
    if scans_rows(node, known) {
        return Err(flow::refusal(
            node,
            "carries a state from row to row of the batch",
            flow::REMEDY,
        ));
    }
    let mut given = (0..node.input.len()).filter_map(|place| known.input(node, place));
    let given = if given.all(|flow| flow == Flow::Fixed) { Flow::Fixed } else { Flow::Other };
    let mut made = Vec::new();
    for graph in inner(node) {
        let mut known = Known { outer: Some(known), opset: known.opset, ..Known::default() };
        let inputs = graph.input.iter().filter_map(|input| input.name.as_deref());
        known.flows.extend(inputs.map(|name| (name, given)));
        made.extend(follow(graph, known)?);
    }
    let one = made.first().copied().filter(|first| made.iter().all(|flow| flow == first));
    Ok(match one {
        Some(Flow::Fixed) if given == Flow::Fixed => Flow::Fixed,
        // Which branch is taken does not depend on the values of inputs.
        Some(flow) if given == Flow::Fixed && operator(node) == "If" => flow,
        _ => Flow::Other,
    })
}

/// Whether a node goes through rows one by one, with a state that each may change.
fn scans_rows(node: &NodeProto, known: &Known<'_>) -> bool {
    let (true, Some(scanned)) = (operator(node) == "Scan", integer(node, "num_scan_inputs")) else {
        return false;
    };
    let states = node.input.len().saturating_sub(usize::try_from(scanned).unwrap_or(0));
    let axes = attribute(node, "scan_input_axes").map_or(&[][..], |axes| &axes.ints);
    states > 0
        && (states..node.input.len()).any(|place| {
            let first = axes.get(place - states).is_none_or(|&axis| axis == 0);
            first && matches!(known.input(node, place), Some(Flow::Rows(_)))
        })
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
    fn flow(&self, name: &str) -> Option<Flow> {
        let own = self.flows.get(name).copied();
        own.or_else(|| self.outer?.flow(name))
    }

    /// The tensor of this name that is in the file.
    fn tensor(&self, name: &str) -> Option<&'a TensorProto> {
        let own = self.constants.get(name).copied();
        own.or_else(|| self.outer?.tensor(name))
    }

    /// The number of dimensions of what is in the file.
    fn rank(&self, name: &str) -> Option<usize> {
        let own = self.ranks.get(name).copied();
        own.or_else(|| self.outer?.rank(name))
    }

    fn set(&mut self, name: &'a str, tensor: &'a TensorProto) {
        self.flows.insert(name, Flow::Fixed);
        self.constants.insert(name, tensor);
        self.ranks.insert(name, tensor.dims.len());
    }

    /// The output of a `Constant`.
    fn constant(&mut self, node: &'a NodeProto, output: &'a str) {
        if let Some(tensor) = attribute(node, "value").and_then(|value| value.t.as_ref()) {
            return self.set(output, tensor);
        }
        self.flows.insert(output, Flow::Fixed);
        let rank = match node.attribute.first().and_then(|value| value.name.as_deref()) {
            Some("value_float" | "value_int" | "value_string") => 0,
            Some("value_floats" | "value_ints" | "value_strings") => 1,
            _ => return,
        };
        self.ranks.insert(output, rank);
    }

    /// Another name of what is in the file.
    fn call(&mut self, known: &str, name: &'a str) {
        if let Some(tensor) = self.tensor(known) {
            self.constants.insert(name, tensor);
        }
        if let Some(rank) = self.rank(known) {
            self.ranks.insert(name, rank);
        }
    }

    /// What an input of a node is; an input that is left out is nothing.
    fn input(&self, node: &NodeProto, place: usize) -> Option<Flow> {
        let name = node.input.get(place).filter(|name| !name.is_empty())?;
        // Names that nobody made are an error, which rten tells.
        Some(self.flow(name).unwrap_or(Flow::Other))
    }

    /// The integers that an input holds, if they are known and in the file itself.
    fn integers(&self, node: &NodeProto, place: usize) -> Option<Vec<i64>> {
        axes::integers(self.tensor(node.input.get(place)?)?)
    }
}
