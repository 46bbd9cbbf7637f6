#![forbid(unsafe_code)]
//! ONNX files, looked at before any runtime opens them.
//!
//! Read by the decoder that rten uses, so that both see the same graph. What is asked of a file
//! here holds for every runtime; what one runtime lacks or computes wrongly is told by its plugin.
//!
//! * `wire.rs`: the bytes, before a decoder sees them.
//! * `sizes.rs`: sizes that the file states, beside what is there.
//! * `data.rs`: the files that hold its weights.
//! * `batch/`: operators that let one input's vote depend on another input.
//! * `walk.rs`: nodes and tensors, wherever they are in a graph.
//! * `signature.rs`: what goes into a model and comes out of it.
//! * `config.rs`: what experts.toml says of it.
//! * `adapter/`: from batches to its input, from its output to votes.

mod adapter;
mod batch;
mod config;
mod data;
mod refusal;
mod signature;
mod sizes;
#[cfg(test)]
mod tests;
mod walk;
mod wire;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Seek as _;
use std::path::{Path, PathBuf};

use drs_plugins_api::{Error, ErrorKind};
use rten_onnx::onnx::{GraphProto, ModelProto, StringStringEntryProto};

pub use adapter::{Adapter, Answer};
pub use config::{Config, Layout};
pub use refusal::{Refusal, over_budget};
pub use rten_onnx::onnx;
pub use signature::{Dim, Element, Port, Signature};
pub use walk::{attribute, called, inner, nodes, operator};

/// An operator: its domain, empty for ONNX's own, and its name.
pub type Operator = (String, String);

/// What an ONNX file says.
#[derive(Debug)]
pub struct OnnxFile {
    graph: GraphProto,
    /// The version of ONNX's own operators.
    opset: i64,
    metadata: Vec<StringStringEntryProto>,
}

impl OnnxFile {
    /// Reads a file; `None` if it is none of ONNX by its name, as rten goes by that.
    /// Takes at most `budget` bytes of memory.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or would take more memory.
    pub fn read(path: &Path, budget: u64) -> Result<Option<Self>, Error> {
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
        let metadata = model.metadata_props;
        Ok(Some(Self { graph: model.graph.unwrap_or_default(), opset, metadata }))
    }

    /// The files beside it that hold its weights, each once, in order of their names.
    ///
    /// # Errors
    /// If a tensor names a file that is not beside it, or that no runtime would read.
    pub fn data_files(&self, path: &Path) -> Result<Vec<PathBuf>, Error> {
        let locations = data::locations(&self.graph).map_err(|refusal| refusal.of(path))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(locations.into_iter().map(|location| folder.join(location)).collect())
    }

    /// Whether the sizes that it states are there.
    ///
    /// # Errors
    /// Names the first tensor whose bytes are not.
    pub fn check_sizes(&self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        sizes::fit(&self.graph, folder).map_err(|refusal| refusal.of(path))
    }

    /// Whether each vote can depend on its own input alone.
    ///
    /// # Errors
    /// Names the first operator that certainly mixes the batch, or draws at random.
    pub fn check_rows(&self, path: &Path) -> Result<(), Error> {
        batch::keeps_rows_apart(&self.graph, self.opset).map_err(|refusal| refusal.of(path))
    }

    /// What goes into the model and comes out of it, and what it says about itself.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature::of(&self.graph, &self.metadata)
    }

    /// Its operators, each once.
    #[must_use]
    pub fn operators(&self) -> Vec<Operator> {
        let mut found = BTreeSet::new();
        nodes(&self.graph, &mut |node| {
            let domain = node.domain.as_deref().unwrap_or_default();
            found.insert((domain.to_owned(), operator(node).to_owned()));
        });
        found.into_iter().collect()
    }

    /// The graph as it was read.
    #[must_use]
    pub fn graph(&self) -> &GraphProto {
        &self.graph
    }
}
