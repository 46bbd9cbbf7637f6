//! An opened expert, checked.

use std::sync::Arc;

use drs_core::certificate::ModelRecord;
use drs_core::lattice::Shape;
use drs_core::units::Sigma;
use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment};
use drs_plugins_api::{DRAWS, Error as PluginError, Manifest, PluginInfo};

use crate::config::{Config, ModelSpec};
use crate::copies::Copies;
#[cfg(unix)]
use crate::isolation::{self, Isolated};
use crate::limits::Limits;
use crate::plugin::{Failure, Here, LoadError, Prepared, Registry};
use crate::program::Program;

/// Where models are opened that shall not share this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Isolation<'a> {
    /// All of them, or only those that experts.toml names.
    pub(crate) all: bool,
    /// The program that serves as a worker: `drs`.
    pub(crate) program: Option<&'a Program>,
    pub(crate) limits: Limits,
}

/// An expert (or router) that is ready to vote.
pub struct LoadedExpert {
    name: String,
    seat: Seat,
    /// Keeps the copies that the model was opened with.
    prepared: Prepared,
    info: PluginInfo,
    manifest: Manifest,
    sigma: Sigma,
    shape: Shape,
    record: ModelRecord,
}

/// Where the model is.
enum Seat {
    Here(Here),
    #[cfg(unix)]
    Apart(Box<Isolated>),
}

impl LoadedExpert {
    /// Finds the plugin, copies the model, opens the copy and checks its manifest.
    pub(crate) fn load(
        registry: &mut Registry,
        copies: &Arc<Copies>,
        name: &str,
        spec: &ModelSpec,
        config: &Config,
        isolation: Isolation<'_>,
    ) -> Result<Self, LoadError> {
        if isolation.all || spec.isolated {
            return Self::load_apart(copies, name, spec, config, isolation);
        }
        let mut load = |prepared: &Prepared| {
            let opening = prepared.opening();
            registry.load(&opening.library, opening.sha256).map_err(|problem| LoadError::Library {
                path: prepared.library().path.clone(),
                problem: prepared.plain(&problem),
            })
        };
        let refused = |prepared: &Prepared, plugin: &PluginInfo, error: PluginError| {
            let (plugin, error) = (plugin.name.clone(), prepared.plain(&error.to_string()));
            LoadError::Open { plugin, error }
        };
        let prepared = Prepared::new(spec, &config.base_dir(), config.input, copies, |prepared| {
            let plugin = load(prepared)?;
            Here::files(plugin.module, prepared.opening())
                .map_err(|error| refused(prepared, &plugin.info, error))
        })?;
        let plugin = load(&prepared)?;
        let info = PluginInfo::clone(&plugin.info);
        let here = Here::open(plugin.module, plugin.info, prepared.opening())
            .map_err(|error| refused(&prepared, &info, error))?;
        let manifest = here.manifest().and_then(|manifest| prepared.manifest(manifest));
        let manifest = manifest
            .map_err(|problem| LoadError::Manifest { plugin: info.name.clone(), problem })?;
        let checked = Checked::new(name, &prepared, config, &info, &manifest)?;
        Ok(checked.seated(Seat::Here(here), prepared, info, manifest))
    }

    #[cfg(unix)]
    fn load_apart(
        copies: &Arc<Copies>,
        name: &str,
        spec: &ModelSpec,
        config: &Config,
        isolation: Isolation<'_>,
    ) -> Result<Self, LoadError> {
        let lost = |prepared: &Prepared, failure: Failure| {
            let (Failure::Plugin(problem) | Failure::Lost(problem)) = failure;
            let plugin = prepared.library().path.clone();
            LoadError::Isolated { plugin, problem: prepared.plain(&problem) }
        };
        let mut first = None;
        let prepared = Prepared::new(spec, &config.base_dir(), config.input, copies, |prepared| {
            let program = isolation.program.ok_or_else(|| {
                let problem = "this program starts no workers; run it through drs, or take isolation out of experts.toml";
                lost(prepared, Failure::Plugin(problem.to_owned()))
            })?;
            let mut worker = isolation::Worker::start(program, isolation.limits)
                .map_err(|failure| lost(prepared, failure))?;
            let files =
                worker.files(prepared.opening()).map_err(|failure| lost(prepared, failure))?;
            first = Some(worker);
            Ok::<_, LoadError>(files)
        })?;
        // It was asked for the files.
        let Some(worker) = first else { unreachable!("no model is prepared without a worker") };
        let opened = worker.open(prepared.opening()).map_err(|failure| lost(&prepared, failure))?;
        let info = opened.info.clone();
        let manifest = prepared
            .manifest(opened.manifest.clone())
            .map_err(|problem| LoadError::Manifest { plugin: info.name.clone(), problem })?;
        let checked = Checked::new(name, &prepared, config, &info, &manifest)?;
        let apart = Isolated::new(prepared.opening().clone(), opened);
        Ok(checked.seated(Seat::Apart(Box::new(apart)), prepared, info, manifest))
    }

    #[cfg(not(unix))]
    fn load_apart(
        _: &Arc<Copies>,
        _: &str,
        spec: &ModelSpec,
        _: &Config,
        _: Isolation<'_>,
    ) -> Result<Self, LoadError> {
        let problem = "isolation needs Unix: take it out of experts.toml".to_owned();
        Err(LoadError::Isolated { plugin: spec.plugin.clone().into(), problem })
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
    ) -> Result<(), Failure> {
        let drawn = match &self.seat {
            Seat::Here(here) => here.draw(noise, segments, padded_rows, votes).map_err(Into::into),
            #[cfg(unix)]
            Seat::Apart(apart) => apart.draw(&noise, segments, padded_rows, votes),
        };
        drawn.map_err(|failure| self.plain(failure))
    }

    /// Classifies the first `votes.len()` inputs of a padded batch.
    pub(crate) fn vote(&self, batch: &[i16], votes: &mut [u32]) -> Result<(), Failure> {
        let voted = match &self.seat {
            Seat::Here(here) => here.vote(batch, votes).map_err(Into::into),
            #[cfg(unix)]
            Seat::Apart(apart) => apart.vote(batch, votes),
        };
        voted.map_err(|failure| self.plain(failure))
    }

    /// Whether it may go on when its process is lost.
    pub(crate) fn restartable(&self) -> Result<(), Failure> {
        match &self.seat {
            Seat::Here(_) => Ok(()),
            #[cfg(unix)]
            Seat::Apart(apart) => apart.restartable(),
        }
    }

    /// A failure that names files, not their copies.
    fn plain(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Plugin(problem) => Failure::Plugin(self.prepared.plain(&problem)),
            Failure::Lost(problem) => Failure::Lost(self.prepared.plain(&problem)),
        }
    }
}

/// What a manifest says, found possible.
struct Checked {
    name: String,
    sigma: Sigma,
    shape: Shape,
    record: ModelRecord,
}

impl Checked {
    fn new(
        name: &str,
        prepared: &Prepared,
        config: &Config,
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
        let record = ModelRecord {
            name: name.to_owned(),
            sigma,
            plugin: format!("{} {}", info.name, info.version),
            plugin_sha256: prepared.library().sha256,
            files: prepared.records(),
            config_sha256: prepared.config_digest(),
        };
        Ok(Self { name: name.to_owned(), sigma, shape, record })
    }

    fn seated(
        self,
        seat: Seat,
        prepared: Prepared,
        info: PluginInfo,
        manifest: Manifest,
    ) -> LoadedExpert {
        let Self { name, sigma, shape, record } = self;
        LoadedExpert { name, seat, prepared, info, manifest, sigma, shape, record }
    }
}
