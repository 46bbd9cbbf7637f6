//! Which models there are, and what they are opened with.

use std::collections::BTreeMap;

use drs_core::lattice::Digest;

/// An expert: a name and a model.
#[derive(Debug, Clone)]
pub struct ExpertSpec {
    /// Unique name.
    pub name: String,
    /// The model.
    pub model: ModelSpec,
}

/// Where the router's votes come from.
#[derive(Debug, Clone)]
pub enum RouterSpec {
    /// A model of its own.
    Own(ModelSpec),
    /// The model of the expert in this place, which answers with pairs of expert and class.
    Shared(usize),
}

/// A model: a plugin and what to open it with.
#[derive(Debug, Clone)]
pub struct ModelSpec {
    /// Plugin name, or path of a library.
    pub plugin: String,
    /// Whether experts.toml left the plugin to the model's file.
    pub chosen: bool,
    /// The plugin's own configuration, as JSON.
    pub config: serde_json::Value,
    /// Digest that the plugin's library must have.
    pub sha256: Option<Digest>,
    /// Digests that the model's files must have, by path; all of them, if any.
    pub files: Option<BTreeMap<String, Digest>>,
    /// Inputs per batch; the plugin's preference by default.
    pub batch: Option<usize>,
    /// Whether it gets a process of its own.
    pub isolated: bool,
}

impl ModelSpec {
    /// A model with nothing but a plugin and its configuration.
    #[must_use]
    pub fn new(plugin: &str, config: serde_json::Value) -> Self {
        let plugin = plugin.to_owned();
        Self {
            plugin,
            chosen: false,
            config,
            sha256: None,
            files: None,
            batch: None,
            isolated: false,
        }
    }
}
