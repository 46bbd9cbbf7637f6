//! An opened expert, checked.

use std::path::{Path, PathBuf};

use drs_core::certificate::{FileRecord, ModelRecord};
use drs_core::lattice::{Digest, Shape};
use drs_core::units::Sigma;
use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment};
use drs_plugins_api::{DRAWS, Error as PluginError, Manifest, PluginInfo};
use serde_json::Value;

use super::here::Here;
use super::opening::Opening;
use super::registry::Registry;
use crate::config::{Config, ModelSpec};
#[cfg(unix)]
use crate::isolation::{self, Isolated};
use crate::limits::Limits;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No file of that name anywhere.
    #[error(
        "plugin \"{plugin}\" not found; looked for {}{}",
        list(searched),
        search_hint(searched)
    )]
    NotFound {
        /// As experts.toml has it.
        plugin: String,
        /// Every path that was tried.
        searched: Vec<PathBuf>,
    },
    /// The file is not a usable plugin.
    #[error("plugin {path}: {problem}")]
    Library {
        /// The library.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The plugin refused to open the model.
    #[error("plugin {plugin}: {error}")]
    Open {
        /// The plugin's name.
        plugin: String,
        /// What it said.
        error: PluginError,
    },
    /// The plugin opened the model, but what it says of it cannot be.
    #[error("plugin {plugin}: its manifest says {problem}")]
    Manifest {
        /// The plugin's name.
        plugin: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// No process of its own could be had for it, or the plugin did not survive opening the model.
    #[error("plugin {plugin}, in a process of its own: {problem}")]
    Isolated {
        /// Its file.
        plugin: PathBuf,
        /// What happened.
        problem: String,
    },
    /// A model file is not the one that experts.toml pins.
    #[error("model file {path}: {problem}")]
    Pin {
        /// The file.
        path: PathBuf,
        /// What was found, what was expected, and how to mend it.
        problem: String,
    },
    /// A model file vanished between opening and hashing.
    #[error("cannot read model file {path}: {source}")]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn search_hint(searched: &[PathBuf]) -> String {
    // One path tried means that experts.toml gave a path: folders play no part.
    if searched.len() < 2 {
        return String::new();
    }
    format!(" (set {} to add folders)", super::find::PATH_VARIABLE)
}

/// Where models are opened that shall not share this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Isolation<'a> {
    /// All of them, or only those that experts.toml names.
    pub(crate) all: bool,
    /// The program that serves as a worker: `drs`.
    pub(crate) program: Option<&'a Path>,
    pub(crate) limits: Limits,
}

/// Why a model did not vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The plugin said so.
    Plugin(String),
    /// Its process did not live to say anything; another may.
    Lost(String),
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        Self::Plugin(error.to_string())
    }
}

/// An expert (or router) that is ready to vote.
pub struct LoadedExpert {
    name: String,
    seat: Seat,
    info: PluginInfo,
    manifest: Manifest,
    sigma: Sigma,
    shape: Shape,
    record: ModelRecord,
    config: Digest,
}

/// Where the model is.
enum Seat {
    Here(Here),
    #[cfg(unix)]
    Apart(Box<Isolated>),
}

impl LoadedExpert {
    /// Finds the plugin, opens the model and checks its manifest.
    pub(crate) fn load(
        registry: &mut Registry,
        name: &str,
        spec: &ModelSpec,
        config: &Config,
        isolation: Isolation<'_>,
    ) -> Result<Self, LoadError> {
        let base_dir = config.base_dir();
        let opening = Opening::find(spec, &base_dir, config.input)?;
        if isolation.all || spec.isolated {
            return Self::load_apart(name, spec, config, opening, isolation);
        }
        let plugin = registry.load(&opening.library)?;
        let plugin_name = plugin.info.name.clone();
        let here = Here::open(plugin.module, plugin.info, &opening)
            .map_err(|error| LoadError::Open { plugin: plugin_name.clone(), error })?;
        let manifest = here
            .manifest()
            .map_err(|problem| LoadError::Manifest { plugin: plugin_name, problem })?;
        let info = here.info().clone();
        let checked = Checked::new(name, spec, config, opening.sha256, &info, &manifest)?;
        Ok(checked.seated(Seat::Here(here), info, manifest))
    }

    #[cfg(unix)]
    fn load_apart(
        name: &str,
        spec: &ModelSpec,
        config: &Config,
        opening: Opening,
        isolation: Isolation<'_>,
    ) -> Result<Self, LoadError> {
        let plugin = opening.library.clone();
        let lost = |problem: String| LoadError::Isolated { plugin: plugin.clone(), problem };
        let program = isolation.program.ok_or_else(|| {
            lost("this program starts no workers; run it through drs, or take isolation out of experts.toml".to_owned())
        })?;
        let opened = isolation::open(program, &opening, isolation.limits);
        let opened = opened.map_err(|failure| match failure {
            Failure::Plugin(problem) | Failure::Lost(problem) => lost(problem),
        })?;
        let (info, manifest) = (opened.info.clone(), opened.manifest.clone());
        let checked = Checked::new(name, spec, config, opening.sha256, &info, &manifest)?;
        let (library, sha256) = (opening.library.clone(), opening.sha256);
        let (paths, files) = (manifest.files.clone(), checked.record.files.clone());
        // What a worker that comes later opens must be what certificates say.
        let unchanged = move || {
            let is_same = std::fs::read(&library).is_ok_and(|bytes| Digest::of(&bytes) == sha256);
            let now: Result<Vec<_>, _> = paths.iter().map(|path| digest(path)).collect();
            if is_same && now.is_ok_and(|now| now == files) {
                return Ok(());
            }
            Err("its worker must be started again, but the plugin's or the model's files have changed since: start anew".to_owned())
        };
        let program = program.to_owned();
        let apart = Isolated::new(program, opening, isolation.limits, opened, unchanged);
        Ok(checked.seated(Seat::Apart(Box::new(apart)), info, manifest))
    }

    #[cfg(not(unix))]
    fn load_apart(
        _: &str,
        _: &ModelSpec,
        _: &Config,
        opening: Opening,
        _: Isolation<'_>,
    ) -> Result<Self, LoadError> {
        let problem = "isolation needs Unix: take it out of experts.toml".to_owned();
        Err(LoadError::Isolated { plugin: opening.library, problem })
    }

    /// `router` or the expert's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Noise level the model declares.
    #[must_use]
    pub fn sigma(&self) -> Sigma {
        self.sigma
    }

    /// Channels, height, width.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What the model says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What its plugin says of itself.
    #[must_use]
    pub fn plugin(&self) -> &PluginInfo {
        &self.info
    }

    /// Digest of its configuration, in which the model's files stand for what they hold: the
    /// same wherever they lie.
    #[must_use]
    pub fn config(&self) -> Digest {
        self.config
    }

    /// Its identity in certificates.
    #[must_use]
    pub fn record(&self) -> &ModelRecord {
        &self.record
    }

    /// Whether the plugin draws the noise itself.
    pub(crate) fn draws(&self) -> bool {
        self.manifest.capabilities.iter().any(|capability| capability == DRAWS)
    }

    /// Draws the noise of the segments, padded to `padded_rows`, and classifies.
    pub(crate) fn draw(
        &self,
        noise: AbiNoiseTable<'_>,
        segments: &[AbiSegment<'_>],
        padded_rows: usize,
        votes: &mut [u32],
    ) -> Result<(), Failure> {
        match &self.seat {
            Seat::Here(here) => Ok(here.draw(noise, segments, padded_rows, votes)?),
            #[cfg(unix)]
            Seat::Apart(apart) => apart.draw(&noise, segments, padded_rows, votes),
        }
    }

    /// Classifies the first `votes.len()` inputs of a padded batch.
    pub(crate) fn vote(&self, batch: &[i16], votes: &mut [u32]) -> Result<(), Failure> {
        match &self.seat {
            Seat::Here(here) => Ok(here.vote(batch, votes)?),
            #[cfg(unix)]
            Seat::Apart(apart) => apart.vote(batch, votes),
        }
    }
}

/// What a manifest says, found possible.
struct Checked {
    name: String,
    sigma: Sigma,
    shape: Shape,
    record: ModelRecord,
    config: Digest,
}

impl Checked {
    fn new(
        name: &str,
        spec: &ModelSpec,
        config: &Config,
        plugin_sha256: Digest,
        info: &PluginInfo,
        manifest: &Manifest,
    ) -> Result<Self, LoadError> {
        let wrong = |problem: String| LoadError::Manifest { plugin: info.name.clone(), problem };
        let sigma = Sigma::new(manifest.sigma).map_err(|error| wrong(error.to_string()))?;
        let shape = Shape::new(manifest.shape).map_err(|error| wrong(error.to_string()))?;
        if shape != config.input.shape {
            return Err(wrong(format!(
                "inputs are {shape}, experts.toml expects {} (input.shape)",
                config.input.shape
            )));
        }
        if manifest.classes.len() < 2 {
            let found = manifest.classes.len();
            return Err(wrong(format!("{found} classes, expected at least 2")));
        }
        if manifest.preferred_batch == 0 {
            return Err(wrong("a preferred batch of 0, expected at least 1".to_owned()));
        }
        if !manifest.has_possible_tolerance() {
            let (found, most) = (manifest.tolerance, Manifest::MOST_TOLERANCE);
            return Err(wrong(format!("a tolerance of {found}, expected 0 to {most}")));
        }
        let base_dir = config.base_dir();
        manifest.files.iter().try_for_each(|path| spec.check_pinned(path, &base_dir))?;
        let record = ModelRecord {
            name: name.to_owned(),
            sigma,
            plugin: format!("{} {}", info.name, info.version),
            plugin_sha256,
            files: manifest.files.iter().map(|path| digest(path)).collect::<Result<_, _>>()?,
        };
        let files: Vec<_> = manifest.files.iter().zip(&record.files).collect();
        let text = placeless(&spec.config, &base_dir, &files).to_string();
        let config = Digest::of(text.as_bytes());
        Ok(Self { name: name.to_owned(), sigma, shape, record, config })
    }

    fn seated(self, seat: Seat, info: PluginInfo, manifest: Manifest) -> LoadedExpert {
        let Self { name, sigma, shape, record, config } = self;
        LoadedExpert { name, seat, info, manifest, sigma, shape, record, config }
    }
}

/// A configuration with digests in place of the model's files.
fn placeless(value: &Value, base_dir: &Path, files: &[(&PathBuf, &FileRecord)]) -> Value {
    match value {
        Value::String(text) => {
            let real = base_dir.join(text).canonicalize().ok();
            let is_it = |(path, _): &&(&PathBuf, &FileRecord)| {
                real.is_some() && path.canonicalize().ok() == real
            };
            let file = files.iter().find(is_it);
            file.map_or_else(|| value.clone(), |(_, record)| record.sha256.to_string().into())
        }
        Value::Array(items) => {
            items.iter().map(|item| placeless(item, base_dir, files)).collect::<Vec<_>>().into()
        }
        Value::Object(fields) => {
            let field =
                |(key, value): (&String, _)| (key.clone(), placeless(value, base_dir, files));
            Value::Object(fields.iter().map(field).collect())
        }
        other => other.clone(),
    }
}

pub(super) fn digest(path: &Path) -> Result<FileRecord, LoadError> {
    let bytes = std::fs::read(path)
        .map_err(|source| LoadError::ModelFile { path: path.to_owned(), source })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(FileRecord { name, sha256: Digest::of(&bytes) })
}
