//! Nodes and tensors, wherever they are in a graph.
//!
//! Functions here call themselves for graphs inside graphs; `wire.rs` lets them lie only so deep.

use rten_onnx::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto};

/// A node by its name, or by what it makes, and its operator.
#[must_use]
pub fn called(node: &NodeProto) -> String {
    let name = node.name.as_deref().filter(|name| !name.is_empty());
    let name = name.or(node.output.first().map(String::as_str)).unwrap_or_default();
    format!("node \"{name}\" ({})", operator(node))
}

/// The name of a node's operator; empty where it tells none.
#[must_use]
pub fn operator(node: &NodeProto) -> &str {
    node.op_type.as_deref().unwrap_or_default()
}

/// A node's attribute of this name.
#[must_use]
pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
}

/// The graphs inside a node: branches and bodies of loops.
pub fn inner(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().filter_map(|attribute| attribute.g.as_ref())
}

/// All nodes of a graph and of the graphs inside it.
pub fn nodes<'a>(graph: &'a GraphProto, see: &mut impl FnMut(&'a NodeProto)) {
    for node in &graph.node {
        see(node);
        inner(node).for_each(|graph| nodes(graph, see));
    }
}

/// All tensors of a graph and of the graphs inside it.
pub(crate) fn tensors<'a>(graph: &'a GraphProto, see: &mut impl FnMut(&'a TensorProto)) {
    graph.initializer.iter().for_each(&mut *see);
    for node in &graph.node {
        node.attribute.iter().filter_map(|attribute| attribute.t.as_ref()).for_each(&mut *see);
        inner(node).for_each(|graph| tensors(graph, see));
    }
}

/// The integer in a node's attribute of this name. Some writers leave out a 0.
pub(crate) fn integer(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(|attribute| attribute.i.unwrap_or(0))
}
