//! The graph of an ONNX file, looked at before rten runs it.
//!
//! Read by the very decoder that rten uses, so that both see the same graph.
//!
//! * `wire.rs`: the bytes, before a decoder sees them.
//! * `sizes.rs`: sizes that the file states, beside what is there.
//! * `data.rs`: the files that hold its weights.
//! * `batch/`: operators that let one input's vote depend on another input.
//! * `support.rs`: operators that rten lacks, or computes wrongly.

mod batch;
mod data;
mod sizes;
mod support;
#[cfg(test)]
mod tests;
mod wire;

use std::fs::File;
use std::io::Seek as _;
use std::path::{Path, PathBuf};

use drs_plugins_api::{Error, ErrorKind};
use rten_onnx::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use support::Operator;

/// An ONNX file, without what is specific to rten.
pub(crate) struct OnnxFile {
    graph: GraphProto,
    /// The version of ONNX's own operators.
    opset: i64,
}

/// A problem of the model, and what to do about it.
struct Refusal {
    problem: String,
    remedy: String,
}

impl OnnxFile {
    /// Reads a file; `None` if it is none of ONNX by its name, as rten goes by that.
    /// Takes at most `budget` bytes of memory.
    pub(crate) fn read(path: &Path, budget: u64) -> Result<Option<Self>, Error> {
        if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")) {
            return Ok(None);
        }
        let failed = |problem: String| {
            Error::new(ErrorKind::Model, format!("{}: {problem}", path.display()))
        };
        let mut file = File::open(path).map_err(|error| failed(error.to_string()))?;
        let size = file.metadata().map_err(|error| failed(error.to_string()))?.len();
        let cost = wire::cost(&mut file, size).map_err(failed)?;
        if cost > budget {
            return Err(over_budget(path, "reading it", cost, budget));
        }
        file.rewind().map_err(|error| failed(error.to_string()))?;
        let model = ModelProto::parse_file(file)
            .map_err(|error| failed(format!("it is no ONNX file, or a damaged one: {error}")))?;
        let own = |domain: Option<&str>| matches!(domain, None | Some("" | "ai.onnx"));
        let mut sets = model.opset_import.iter().filter(|set| own(set.domain.as_deref()));
        // A file must tell; in the newest version operators tell most by themselves.
        let opset = sets.next().and_then(|set| set.version).unwrap_or(i64::MAX);
        Ok(Some(Self { graph: model.graph.unwrap_or_default(), opset }))
    }

    /// The files beside it that hold its weights, each once, in order of their names.
    pub(crate) fn data_files(&self, path: &Path) -> Result<Vec<PathBuf>, Error> {
        let locations = data::locations(&self.graph).map_err(|refusal| refusal.of(path))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(locations.into_iter().map(|location| folder.join(location)).collect())
    }

    /// Whether the sizes that it states are there, each vote can depend on its own input alone,
    /// and is computed right.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        sizes::fit(&self.graph, folder)
            .and_then(|()| support::few_enough(&self.graph))
            .and_then(|()| support::computed_right(&self.graph))
            .and_then(|()| batch::keeps_rows_apart(&self.graph, self.opset))
            .map_err(|refusal| refusal.of(path))
    }

    /// Its operators, each once.
    pub(crate) fn operators(&self) -> Vec<Operator> {
        support::operators(&self.graph)
    }
}

/// The error of a file that takes more memory than there is for it.
pub(crate) fn over_budget(path: &Path, what: &str, wanted: u64, budget: u64) -> Error {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let message = format!(
        "{}: {what} takes {} MiB of memory or more, the budget is {} MiB",
        path.display(),
        mib(wanted),
        budget >> 20
    );
    let hint =
        "if the model is meant to be so large, --memory or the variable DRS_MEMORY allows more";
    Error::new(ErrorKind::Model, message).hint(hint)
}

/// What rten said of a file that it does not load, with all that is in the way.
pub(crate) fn explain(path: &Path, operators: &[Operator], said: &str) -> Error {
    support::explain(operators, said).of(path)
}

impl Refusal {
    fn of(self, path: &Path) -> Error {
        let message = format!("{}: {}", path.display(), self.problem);
        Error::new(ErrorKind::Model, message).hint(self.remedy)
    }
}

/// A node by its name, or by what it makes, and its operator.
fn called(node: &NodeProto) -> String {
    let name = node.name.as_deref().filter(|name| !name.is_empty());
    let name = name.or(node.output.first().map(String::as_str)).unwrap_or_default();
    format!("node \"{name}\" ({})", operator(node))
}

fn operator(node: &NodeProto) -> &str {
    node.op_type.as_deref().unwrap_or_default()
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
}

fn integer(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).and_then(|attribute| attribute.i)
}

/// The graphs inside a node: branches and bodies of loops.
fn inner(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().filter_map(|attribute| attribute.g.as_ref())
}

/// All tensors of a graph and of the graphs inside it.
fn tensors<'a>(graph: &'a GraphProto, see: &mut impl FnMut(&'a TensorProto)) {
    graph.initializer.iter().for_each(&mut *see);
    for node in &graph.node {
        node.attribute.iter().filter_map(|attribute| attribute.t.as_ref()).for_each(&mut *see);
        inner(node).for_each(|graph| tensors(graph, see));
    }
}

/// All nodes of a graph and of the graphs inside it.
fn nodes<'a>(graph: &'a GraphProto, see: &mut impl FnMut(&'a NodeProto)) {
    for node in &graph.node {
        see(node);
        inner(node).for_each(|graph| nodes(graph, see));
    }
}
