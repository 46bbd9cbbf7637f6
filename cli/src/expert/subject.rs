//! Which plugins are meant, and what to open them with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_core::lattice::{Quantum, Shape};
use drs_data::InputSpec;
use drs_plugins_api::Manifest;
use drs_router::{Config, Copies, Library, ModelSpec, Prepared, RouterSpec};
use serde_json::Value;

use super::child::{Answer, Request, ask, single};
use crate::args::SubjectArgs;
use crate::usage::wrong_usage;

/// A plugin that was found.
pub(super) struct Subject {
    /// The expert's name, or the plugin's.
    pub(super) name: String,
    pub(super) library: Library,
    /// `None` if nothing was said of a model.
    pub(super) prepared: Option<Prepared>,
    /// Where the copies are, of the library at least.
    pub(super) copies: Arc<Copies>,
}

/// Copies a model, whose plugin is asked for its files in a process of its own.
pub(super) fn prepare(
    spec: &ModelSpec,
    base_dir: &Path,
    input: InputSpec,
    copies: &Arc<Copies>,
    patience: Duration,
) -> anyhow::Result<Prepared> {
    Prepared::new(spec, base_dir, input, copies, |prepared| {
        let told = ask(&Request::Files(prepared.opening().clone()), patience)?;
        let answers = single(told, &prepared.library().path, &|words| prepared.plain(words))?;
        match answers.into_iter().next_back() {
            Some(Answer::Files(files)) => Ok(files),
            _ => bail!("{}: it told nothing of its files", prepared.library().path.display()),
        }
    })
}

/// Opens a model in a process of its own, without regard to what is pinned: its copies, and its manifest.
pub(crate) fn opened(
    model: &ModelSpec,
    config: &Config,
    copies: &Arc<Copies>,
    patience: Duration,
) -> anyhow::Result<(Prepared, Manifest)> {
    let unpinned = ModelSpec { sha256: None, files: None, ..model.clone() };
    let prepared = prepare(&unpinned, &config.base_dir(), config.input, copies, patience)?;
    let path = prepared.library().path.display().to_string();
    let told = ask(&Request::Open(prepared.opening().clone()), patience)?;
    let answers = single(told, &prepared.library().path, &|words| prepared.plain(words))?;
    let Some(Answer::Opened(manifest)) = answers.last() else {
        bail!("{path}: it told nothing of the model")
    };
    let manifest = manifest.clone();
    prepared
        .manifest(manifest.clone())
        .map_err(|problem| anyhow::anyhow!("{path}: its manifest says {problem}"))?;
    Ok((prepared, manifest))
}

/// The name of a file as seen from a folder, if it is below it.
pub(super) fn relative(file: &Path, base_dir: &Path) -> String {
    let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
    let place = folder.zip(file.file_name()).map(|(folder, name)| folder.join(name));
    let inside = match (&place, base_dir.canonicalize()) {
        (Some(place), Ok(base)) => place.strip_prefix(base).ok(),
        _ => None,
    };
    inside.unwrap_or(file).display().to_string()
}

/// A model of 8-bit images beside which nothing is said of inputs, for a plugin named by itself.
pub(super) fn input(shape: Shape) -> InputSpec {
    InputSpec { shape, quantum: Quantum::EIGHT_BIT, resize: None }
}

/// A folder for copies.
pub(crate) fn copies() -> anyhow::Result<Arc<Copies>> {
    let copies = Copies::new().with_context(|| {
        let folder = std::env::temp_dir();
        format!(
            "no folder for private copies in {} (the variable TMPDIR chooses another)",
            folder.display()
        )
    })?;
    Ok(Arc::new(copies))
}

/// All that the arguments name, at least one.
pub(super) fn subjects(args: &SubjectArgs) -> anyhow::Result<Vec<Subject>> {
    let Some(path) = &args.experts else { return Ok(vec![of_plugin(args)?]) };
    let config = Config::read(path)?;
    let router = match &config.router {
        Some(RouterSpec::Own(model)) => Some(("router", model)),
        _ => None,
    };
    let experts = config.experts.iter().map(|expert| (expert.name.as_str(), &expert.model));
    let all: Vec<(&str, &ModelSpec)> = router.into_iter().chain(experts).collect();
    let wanted = |(name, _): &&(&str, &ModelSpec)| args.name.as_ref().is_none_or(|own| own == name);
    let (copies, patience) = (copies()?, Duration::from_secs_f64(args.timeout));
    let subjects: Vec<Subject> = all
        .iter()
        .filter(wanted)
        .map(|(name, model)| {
            let prepared = prepare(model, &config.base_dir(), config.input, &copies, patience)?;
            let (library, copies) = (prepared.library().clone(), Arc::clone(&copies));
            Ok(Subject { name: (*name).to_owned(), library, prepared: Some(prepared), copies })
        })
        .collect::<anyhow::Result<_>>()?;
    if subjects.is_empty() {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let found = args.name.as_deref().unwrap_or_default();
        wrong_usage!("--name {found}: no such model, expected one of {}", names.join(", "));
    }
    Ok(subjects)
}

fn of_plugin(args: &SubjectArgs) -> anyhow::Result<Subject> {
    let plugin = args.plugin.clone().unwrap_or_default();
    // By name it is looked for as by an experts.toml, but not in the working directory.
    let found = drs_router::find_plugin(&plugin, None)?;
    let path = std::path::absolute(&found).unwrap_or(found);
    let path = path.to_str().with_context(|| format!("{}: not valid UTF-8", path.display()))?;
    let config = args.config.as_deref().map(value).transpose().context("--config")?;
    if config.is_some() && args.shape.is_none() {
        wrong_usage!("--config without --shape: what do the inputs look like? --shape C,H,W");
    }
    let spec = ModelSpec::new(path, config.unwrap_or_else(|| Value::Object(Default::default())));
    let (copies, patience) = (copies()?, Duration::from_secs_f64(args.timeout));
    let here = Path::new(".");
    let prepared = args.shape.map(|shape| prepare(&spec, here, input(shape), &copies, patience));
    let prepared = prepared.transpose()?;
    let library = match &prepared {
        Some(prepared) => prepared.library().clone(),
        None => Library::find(&spec, here, &copies)?,
    };
    Ok(Subject { name: plugin, library, prepared, copies })
}

/// A configuration: a JSON object, or the lines of a TOML table.
pub(super) fn value(text: &str) -> anyhow::Result<Value> {
    if text.trim_start().starts_with('{') {
        return Ok(serde_json::from_str(text)?);
    }
    let table: toml::Table = toml::from_str(text)?;
    Ok(serde_json::to_value(table)?)
}
