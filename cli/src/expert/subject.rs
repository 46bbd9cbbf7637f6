//! Which plugins are meant, and what to open them with.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use drs_core::lattice::Quantum;
use drs_data::InputSpec;
use drs_router::{Config, ModelSpec, Opening, RouterSpec};
use serde_json::Value;

use crate::args::SubjectArgs;

/// A plugin that was found.
pub(super) struct Subject {
    /// The expert's name, or the plugin's.
    pub(super) name: String,
    pub(super) library: PathBuf,
    /// `None` if nothing was said of a model.
    pub(super) opening: Option<Opening>,
}

/// All that the arguments name, at least one.
pub(super) fn subjects(args: &SubjectArgs) -> anyhow::Result<Vec<Subject>> {
    let Some(path) = &args.experts else { return Ok(vec![single(args)?]) };
    let config = Config::read(path)?;
    let router = match &config.router {
        Some(RouterSpec::Own(model)) => Some(("router", model)),
        _ => None,
    };
    let experts = config.experts.iter().map(|expert| (expert.name.as_str(), &expert.model));
    let all: Vec<(&str, &ModelSpec)> = router.into_iter().chain(experts).collect();
    let wanted = |(name, _): &&(&str, &ModelSpec)| args.name.as_ref().is_none_or(|own| own == name);
    let subjects: Vec<Subject> = all
        .iter()
        .filter(wanted)
        .map(|(name, model)| {
            let opening = Opening::find(model, &config.base_dir(), config.input)?;
            let library = opening.library.clone();
            Ok(Subject { name: (*name).to_owned(), library, opening: Some(opening) })
        })
        .collect::<anyhow::Result<_>>()?;
    if subjects.is_empty() {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let found = args.name.as_deref().unwrap_or_default();
        bail!("--name {found}: no such model, expected one of {}", names.join(", "));
    }
    Ok(subjects)
}

fn single(args: &SubjectArgs) -> anyhow::Result<Subject> {
    let plugin = args.plugin.clone().unwrap_or_default();
    let here = Path::new(".");
    let config = args.config.as_deref().map(value).transpose().context("--config")?;
    let spec = ModelSpec::new(
        &plugin,
        config.clone().unwrap_or_else(|| Value::Object(Default::default())),
    );
    let shape = match (args.shape, &config) {
        (Some(shape), _) => Some(shape),
        (None, Some(_)) => {
            bail!("--config without --shape: what do the inputs look like? --shape C,H,W")
        }
        (None, None) => None,
    };
    let input = |shape| InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None };
    let opening = shape.map(|shape| Opening::find(&spec, here, input(shape))).transpose()?;
    let library = match &opening {
        Some(opening) => opening.library.clone(),
        None => drs_router::find_plugin(&plugin, here)?,
    };
    Ok(Subject { name: plugin, library, opening })
}

/// A configuration: a JSON object, or the lines of a TOML table.
pub(super) fn value(text: &str) -> anyhow::Result<Value> {
    if text.trim_start().starts_with('{') {
        return Ok(serde_json::from_str(text)?);
    }
    let table: toml::Table = toml::from_str(text)?;
    Ok(serde_json::to_value(table)?)
}
