//! `drs expert pin`: digests into experts.toml, comments and layout as they are.
//!
//! To write pins, each plugin is asked for the files of its model. To check them, digests are
//! compared and nothing is loaded: what the pins refuse is not run to find out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use drs_core::lattice::Digest;
use drs_progress::say;
use drs_router::{Config, Copies, ModelSpec, RouterSpec, file_digest};
use drs_run::whole;
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use super::subject::{copies, opened, relative};
use crate::args::PinArgs;
use crate::exit;

/// How long a model may take to open.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a model's table is to say.
struct Pins {
    plugin: Digest,
    /// By path from the folder of the models.
    files: Vec<(String, Digest)>,
}

pub(super) fn run(args: &PinArgs) -> anyhow::Result<u8> {
    let path = &args.experts;
    let config = Config::read(path)?;
    if args.check {
        return check(path, &config);
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut document: DocumentMut = text.parse().with_context(|| path.display().to_string())?;
    let copies = copies()?;
    if let Some(RouterSpec::Own(model)) = &config.router {
        let table = document.get_mut("router").and_then(Item::as_table_mut);
        write(table.context("router: not a table")?, &pins(model, &config, &copies)?);
    }
    for (place, expert) in config.experts.iter().enumerate() {
        let pins = pins(&expert.model, &config, &copies).with_context(|| expert.name.clone())?;
        let tables = document.get_mut("expert").and_then(Item::as_array_of_tables_mut);
        let table = tables.and_then(|tables| tables.get_mut(place));
        write(table.with_context(|| format!("expert[{place}]: expected [[expert]]"))?, &pins);
    }
    let pinned = document.to_string();
    if pinned == text {
        say!("{}: every pin is right", path.display());
        return Ok(exit::SUCCESS);
    }
    whole::write(path, &pinned)?;
    say!(
        "{}: pins of {} models written",
        path.display(),
        config.experts.len() + usize::from(config.router.is_some())
    );
    Ok(exit::SUCCESS)
}

/// Compares what is pinned with what is there.
fn check(path: &Path, config: &Config) -> anyhow::Result<u8> {
    let own = match &config.router {
        Some(RouterSpec::Own(model)) => Some(("router", model)),
        _ => None,
    };
    let experts = config.experts.iter().map(|expert| (expert.name.as_str(), &expert.model));
    let mut problems = Vec::new();
    for (name, model) in own.into_iter().chain(experts) {
        let wrong = wrong(model, &config.base_dir())?;
        problems.extend(wrong.into_iter().map(|problem| format!("{name}: {problem}")));
    }
    let path = path.display();
    if problems.is_empty() {
        say!("{path}: every pin is right");
        return Ok(exit::SUCCESS);
    }
    problems.iter().for_each(|problem| say!("{problem}"));
    say!("{path}: pins are missing or wrong; look at what changed, then drs expert pin {path}");
    Ok(exit::FAILURE)
}

/// What is not as a model's pins have it.
fn wrong(model: &ModelSpec, base_dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut compare = |what: &str, file: &Path, pinned: Option<&Digest>| {
        let problem = match (file_digest(file), pinned) {
            (Err(error), _) => error.to_string(),
            (Ok(found), Some(pinned)) if found == *pinned => return,
            (Ok(found), Some(pinned)) => format!("its sha256 is {found}, the pin is {pinned}"),
            (Ok(_), None) => "not pinned".to_owned(),
        };
        problems.push(format!("{what} {}: {problem}", file.display()));
    };
    let library = drs_router::find_plugin(&model.plugin, Some(base_dir))?;
    compare("plugin", &library, model.sha256.as_ref());
    let none = BTreeMap::new();
    let pins = model.files.as_ref().unwrap_or(&none);
    for (name, pinned) in pins {
        compare("model file", &base_dir.join(name), Some(pinned));
    }
    // Files that are named but not pinned can be told without the plugin. Which files those
    // name in turn, the plugin told when the pins were written.
    let real = |path: &Path| path.canonicalize().ok();
    let pinned: Vec<_> = pins.keys().map(|name| real(&base_dir.join(name))).collect();
    let unpinned = drs_router::named_files(&model.config, base_dir);
    for file in unpinned.iter().filter(|file| !pinned.contains(&real(file))) {
        compare("model file", file, None);
    }
    Ok(problems)
}

/// The digests that are there now. Old pins play no part.
fn pins(model: &ModelSpec, config: &Config, copies: &Arc<Copies>) -> anyhow::Result<Pins> {
    let (model, _) = opened(model, config, copies, PATIENCE)?;
    let base_dir = config.base_dir();
    let files = model.files().iter().map(|file| (relative(&file.path, &base_dir), file.sha256));
    Ok(Pins { plugin: model.library().sha256, files: files.collect() })
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
