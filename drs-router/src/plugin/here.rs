//! A model in this process.

use std::path::PathBuf;
use std::sync::Arc;

use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment, ExpertObject, OpenRequest, PluginModuleRef};
use drs_plugins_api::abi_stable::std_types::{RResult, RSlice, RSliceMut, RStr};
use drs_plugins_api::{Error as PluginError, ErrorKind, Manifest, PluginInfo};

use super::opening::Opening;
use crate::copies::of_originals;

/// A model that was opened, and its plugin.
pub(crate) struct Here {
    object: ExpertObject,
    info: Arc<PluginInfo>,
}

impl Here {
    /// Opens a model by a plugin that is loaded.
    pub(crate) fn open(
        module: PluginModuleRef,
        info: Arc<PluginInfo>,
        opening: &Opening,
    ) -> Result<Self, PluginError> {
        match (module.open())(request(opening)) {
            RResult::ROk(object) => Ok(Self { object, info }),
            RResult::RErr(error) => Err(error.into()),
        }
    }

    /// The files that the model is made of, as its plugin tells; `None` if it does not.
    pub(crate) fn files(
        module: PluginModuleRef,
        opening: &Opening,
    ) -> Result<Option<Vec<PathBuf>>, PluginError> {
        let Some(files) = module.files() else { return Ok(None) };
        let text = match files(request(opening)) {
            RResult::ROk(text) => text,
            RResult::RErr(error) => return Err(error.into()),
        };
        serde_json::from_str(text.as_str()).map_err(|error| {
            let message = format!("the files that it reads are not a list of paths: {error}");
            PluginError::new(ErrorKind::Other, message)
        })
    }

    pub(crate) fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// What the model says of itself.
    pub(crate) fn manifest(&self) -> Result<Manifest, String> {
        let text = self.object.manifest();
        if text.is_empty() {
            return Err("an empty text: it panicked over it, or wrote what JSON cannot hold; \
                        report this to the plugin's publisher"
                .to_owned());
        }
        serde_json::from_str(text.as_str()).map_err(|error| format!("nothing readable: {error}"))
    }

    /// Classifies the first `votes.len()` inputs of a padded batch.
    pub(crate) fn vote(&self, batch: &[i16], votes: &mut [u32]) -> Result<(), PluginError> {
        let rows = votes.len();
        let (batch, votes) = (RSlice::from_slice(batch), RSliceMut::from_mut_slice(votes));
        self.object.vote(batch, rows, votes).into_result().map_err(Into::into)
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
}

fn request(opening: &Opening) -> OpenRequest<'_> {
    OpenRequest {
        config: opening.config.as_str().into(),
        base_dir: opening.base_dir.as_str().into(),
        shape: opening.shape.map(|dim| dim as u64),
        levels: opening.levels,
        log: forward_log,
    }
}

/// Plugins have logging statics of their own; their messages come back here.
extern "C" fn forward_log(level: u8, plugin: RStr<'_>, message: RStr<'_>) {
    let (plugin, message) = (plugin.as_str(), of_originals(message.as_str()));
    match level {
        1 => tracing::error!(plugin, "{message}"),
        2 => tracing::warn!(plugin, "{message}"),
        3 => tracing::info!(plugin, "{message}"),
        _ => tracing::debug!(plugin, "{message}"),
    }
}
