//! An opened expert, checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use drs_core::certificate::{FileRecord, ModelRecord};
use drs_core::lattice::{Digest, Quantum, Shape};
use drs_core::units::Sigma;
use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment, ExpertObject, OpenRequest};
use drs_plugins_api::abi_stable::std_types::{RResult, RSlice, RSliceMut, RStr};
use drs_plugins_api::{DRAWS, Error as PluginError, Manifest, PluginInfo};

use super::registry::Registry;
use crate::config::{Config, ModelSpec};

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

/// An expert (or router) that is ready to vote.
pub struct LoadedExpert {
    name: String,
    object: ExpertObject,
    info: Arc<PluginInfo>,
    manifest: Manifest,
    sigma: Sigma,
    shape: Shape,
    record: ModelRecord,
}

impl LoadedExpert {
    /// Finds the plugin, opens the model and checks its manifest.
    pub(crate) fn load(
        registry: &mut Registry,
        name: &str,
        spec: &ModelSpec,
        config: &Config,
    ) -> Result<Self, LoadError> {
        let plugin = registry.plugin(spec, &config.base_dir())?;
        let object =
            open(&plugin, spec, &config.base_dir(), config.input.shape, config.input.quantum)?;
        let wrong =
            |problem: String| LoadError::Manifest { plugin: plugin.info.name.clone(), problem };
        let manifest: Manifest = serde_json::from_str(object.manifest().as_str())
            .map_err(|error| wrong(format!("nothing readable: {error}")))?;
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
        let record = ModelRecord {
            name: name.to_owned(),
            sigma,
            plugin: format!("{} {}", plugin.info.name, plugin.info.version),
            plugin_sha256: plugin.sha256,
            files: manifest.files.iter().map(|path| digest(path)).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            name: name.to_owned(),
            object,
            info: plugin.info,
            manifest,
            sigma,
            shape,
            record,
        })
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
    ) -> Result<(), PluginError> {
        let (segments, votes) = (RSlice::from_slice(segments), RSliceMut::from_mut_slice(votes));
        self.object.draw(noise, segments, padded_rows, votes).into_result().map_err(Into::into)
    }

    /// Classifies the first `votes.len()` inputs of a padded batch.
    pub(crate) fn vote(&self, batch: &[i16], votes: &mut [u32]) -> Result<(), PluginError> {
        let rows = votes.len();
        let (batch, votes) = (RSlice::from_slice(batch), RSliceMut::from_mut_slice(votes));
        self.object.vote(batch, rows, votes).into_result().map_err(Into::into)
    }
}

fn open(
    plugin: &super::registry::Plugin,
    spec: &ModelSpec,
    base_dir: &Path,
    shape: Shape,
    quantum: Quantum,
) -> Result<ExpertObject, LoadError> {
    let config = spec.config.to_string();
    let base_dir = base_dir.to_str().ok_or_else(|| LoadError::Manifest {
        plugin: plugin.info.name.clone(),
        problem: format!("the folder {} is not valid UTF-8", base_dir.display()),
    })?;
    let request = OpenRequest {
        config: config.as_str().into(),
        base_dir: base_dir.into(),
        shape: shape.dims().map(|dim| dim as u64),
        levels: quantum.levels(),
        log: forward_log,
    };
    match (plugin.module.open())(request) {
        RResult::ROk(object) => Ok(object),
        RResult::RErr(error) => {
            Err(LoadError::Open { plugin: plugin.info.name.clone(), error: error.into() })
        }
    }
}

/// Plugins have logging statics of their own; their messages come back here.
extern "C" fn forward_log(level: u8, plugin: RStr<'_>, message: RStr<'_>) {
    let (plugin, message) = (plugin.as_str(), message.as_str());
    match level {
        1 => tracing::error!(plugin, "{message}"),
        2 => tracing::warn!(plugin, "{message}"),
        3 => tracing::info!(plugin, "{message}"),
        _ => tracing::debug!(plugin, "{message}"),
    }
}

fn digest(path: &Path) -> Result<FileRecord, LoadError> {
    let bytes = std::fs::read(path)
        .map_err(|source| LoadError::ModelFile { path: path.to_owned(), source })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(FileRecord { name, sha256: Digest::of(&bytes) })
}
