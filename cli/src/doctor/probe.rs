//! A model of a few bytes, which every ONNX plugin must open: that a library loads does not tell whether its
//! runtime does.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_router::Config;

use crate::expert::{copies, opened};

/// It takes an image of two pixels and answers with them.
const MODEL: &[u8] = include_bytes!("probe.onnx");

/// A runtime may have to be read from a slow disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens the model in a process of its own; in words, why not.
pub(super) fn open(plugin: &str) -> Result<(), String> {
    attempt(plugin).map_err(|error| format!("it does not open a model: {error:#}"))
}

fn attempt(plugin: &str) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    std::fs::write(folder.path().join("probe.onnx"), MODEL)?;
    let text = format!(
        "[input]\nshape = [1, 1, 2]\nquantum = \"1/255\"\n[[expert]]\nname = \"probe\"\nplugin = \"{plugin}\"\nconfig = {{ model = \"probe.onnx\" }}\n"
    );
    let config = Config::parse(&folder.path().join(Path::new("experts.toml")), &text)?;
    let [probe] = &*config.experts else { bail!("it is no pool of one expert") };
    opened(&probe.model, &config, &copies()?, PATIENCE).map(drop)
}
