//! The trait that plugin authors implement.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::abi::{LogFunction, OpenRequest};
use crate::batch::Batch;
use crate::draws::Draws;
use crate::error::{Error, ErrorKind};
use crate::manifest::{Manifest, NativeRuntime};

/// An expert, written in safe Rust.
///
/// `drs` calls [`open`](Self::open) once per model in experts.toml and then
/// [`vote`](Self::vote) for every batch.
pub trait Plugin: Send + Sync + Sized + 'static {
    /// Name of the plugin, as in `drs_expert_<name>`.
    const NAME: &'static str;

    /// What the `config` table in experts.toml deserialises to. Use
    /// `#[serde(deny_unknown_fields)]`: a misspelt key should be an error.
    type Config: DeserializeOwned;

    /// The native runtime that this plugin brings into the process.
    fn native_runtime() -> Option<NativeRuntime> {
        None
    }

    /// The files that an expert of this configuration is made of: all that
    /// [`open`](Self::open) reads, or what it loads reads.
    ///
    /// Asked before the expert is opened. The host copies these files to a private
    /// folder, digests the copies, and opens the expert from there: what certificates
    /// name is what voted. A relative path that is not among them is not found there.
    /// Where a file names others (weights beside a graph), read it here and list them
    /// too; they need not be there yet. `None`, the default, means the files that the
    /// configuration names.
    ///
    /// # Errors
    /// If the configuration is not usable, or a file does not tell what belongs to it.
    fn files(config: &Self::Config, context: &Context) -> Result<Option<Vec<PathBuf>>, Error> {
        let _ = (config, context);
        Ok(None)
    }

    /// Opens an expert.
    ///
    /// # Errors
    /// If the configuration or a file that it names is not usable.
    fn open(config: Self::Config, context: &Context) -> Result<Self, Error>;

    /// Facts about this expert; the same at every call.
    fn manifest(&self) -> Manifest;

    /// Writes the class index of each input of the batch to `votes`, which has
    /// one place for each ([`argmax`](crate::argmax) turns logits into votes).
    ///
    /// A vote must depend on its own input alone: not on its place in the
    /// batch, its neighbours or earlier batches.
    ///
    /// # Errors
    /// If the model fails or answers with a value that is not finite.
    fn vote(&self, batch: &Batch<'_>, votes: &mut [u32]) -> Result<(), Error>;

    /// As [`vote`](Self::vote), on noise that the plugin makes itself.
    ///
    /// Called instead of it where the manifest names the capability
    /// [`DRAWS`](crate::DRAWS).
    ///
    /// # Errors
    /// As [`vote`](Self::vote).
    fn draw(&self, draws: &Draws<'_>, votes: &mut [u32]) -> Result<(), Error> {
        let _ = (draws, votes);
        Err(Error::new(ErrorKind::Other, "the plugin does not draw noise"))
    }
}

/// What an expert is opened in.
#[derive(Debug, Clone)]
pub struct Context {
    plugin: &'static str,
    base_dir: PathBuf,
    shape: [usize; 3],
    levels: u16,
    log: LogFunction,
}

impl Context {
    pub(crate) fn new(plugin: &'static str, request: &OpenRequest<'_>) -> Self {
        Self {
            plugin,
            base_dir: PathBuf::from(request.base_dir.as_str()),
            shape: request.shape.map(|dim| usize::try_from(dim).unwrap_or(0)),
            levels: request.levels,
            log: request.log,
        }
    }

    /// A path from the configuration: relative ones start at experts.toml, or at the host's
    /// private copy of its folder, which holds the files that were declared.
    #[must_use]
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base_dir.join(path)
    }

    /// Shape of the inputs that will come: channels, height, width.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Inputs are integers in units of 1/`levels`.
    #[must_use]
    pub fn levels(&self) -> u16 {
        self.levels
    }

    /// Tells the user something worth knowing.
    pub fn info(&self, message: &str) {
        (self.log)(3, self.plugin.into(), message.into());
    }

    /// Warns the user.
    pub fn warn(&self, message: &str) {
        (self.log)(2, self.plugin.into(), message.into());
    }
}
