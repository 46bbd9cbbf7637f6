//! `drs expert pin`: digests into experts.toml, comments and layout as they are.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use drs_core::lattice::Digest;
use drs_router::{Config, ModelSpec, Opening, RouterSpec};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use super::child::{Answer, Request, ask, single};
use crate::args::PinArgs;
use crate::whole;

/// How long a model may take to open.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a model's table is to say.
struct Pins {
    plugin: Digest,
    /// By path from the folder of the models.
    files: Vec<(String, Digest)>,
}

pub(super) fn run(args: &PinArgs) -> anyhow::Result<ExitCode> {
    let path = &args.experts;
    let config = Config::read(path)?;
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut document: DocumentMut = text.parse().with_context(|| path.display().to_string())?;
    if let Some(RouterSpec::Own(model)) = &config.router {
        let table = document.get_mut("router").and_then(Item::as_table_mut);
        write(table.context("router: not a table")?, &pins(model, &config)?);
    }
    for (place, expert) in config.experts.iter().enumerate() {
        let pins = pins(&expert.model, &config).with_context(|| expert.name.clone())?;
        let tables = document.get_mut("expert").and_then(Item::as_array_of_tables_mut);
        let table = tables.and_then(|tables| tables.get_mut(place));
        write(table.with_context(|| format!("expert[{place}]: expected [[expert]]"))?, &pins);
    }
    let pinned = document.to_string();
    if pinned == text {
        eprintln!("{}: every pin is right", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    if args.check {
        eprintln!(
            "{}: pins are missing or wrong; look at what changed, then drs expert pin {}",
            path.display(),
            path.display()
        );
        return Ok(ExitCode::FAILURE);
    }
    whole::write(path, &pinned)?;
    eprintln!(
        "{}: pins of {} models written",
        path.display(),
        config.experts.len() + usize::from(config.router.is_some())
    );
    Ok(ExitCode::SUCCESS)
}

/// The digests that are there now. Old pins play no part.
fn pins(model: &ModelSpec, config: &Config) -> anyhow::Result<Pins> {
    let unpinned = ModelSpec { sha256: None, files: None, ..model.clone() };
    let base_dir = config.base_dir();
    let opening = Opening::find(&unpinned, &base_dir, config.input)?;
    let (library, plugin) = (opening.library.clone(), opening.sha256);
    let answers = single(ask(&Request::Open(opening), PATIENCE)?, &library)?;
    let Some(Answer::Opened(manifest)) = answers.last() else {
        bail!("{}: it told nothing of the model", library.display())
    };
    let files = manifest.files.iter().map(|file| {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        Ok((relative(file, &base_dir), Digest::of(&bytes)))
    });
    Ok(Pins { plugin, files: files.collect::<anyhow::Result<_>>()? })
}

fn relative(file: &Path, base_dir: &Path) -> String {
    let (real, base) = (file.canonicalize(), base_dir.canonicalize());
    let inside = match (&real, &base) {
        (Ok(real), Ok(base)) => real.strip_prefix(base).ok(),
        _ => None,
    };
    inside.unwrap_or(file).display().to_string()
}

fn write(table: &mut Table, pins: &Pins) {
    let set = |table: &mut Table, key: &str, new: toml_edit::Value| {
        // What is right already keeps its place, spaces and comment.
        let same =
            table.get(key).and_then(Item::as_value).is_some_and(|old| plain(old) == plain(&new));
        if !same {
            table.insert(key, value(new));
        }
    };
    set(table, "sha256", pins.plugin.to_string().into());
    if pins.files.is_empty() {
        table.remove("files");
        return;
    }
    let mut files = InlineTable::new();
    for (name, digest) in &pins.files {
        files.insert(name, digest.to_string().into());
    }
    set(table, "files", files.into());
}

/// A value without its layout.
fn plain(value: &toml_edit::Value) -> String {
    match value {
        toml_edit::Value::InlineTable(table) => {
            let mut pairs: Vec<String> =
                table.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect();
            pairs.sort();
            pairs.join(",")
        }
        toml_edit::Value::String(text) => text.value().clone(),
        other => other.to_string(),
    }
}
