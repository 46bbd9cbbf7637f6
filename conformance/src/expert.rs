//! An opened expert, as the host would call it.

use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment, ExpertObject, OpenRequest};
use drs_plugins_api::abi_stable::std_types::{RSlice, RSliceMut, RStr};
use drs_plugins_api::{Error, ErrorKind, Manifest};
use serde_json::Value;

use crate::Subject;

/// What votes hold before they are cast: no class, so that a vote which was
/// never written shows.
pub(crate) const NO_VOTE: u32 = u32::MAX;

pub(crate) struct Expert(ExpertObject);

impl Expert {
    pub(crate) fn open(
        subject: &Subject<'_>,
        config: &Value,
        shape: [usize; 3],
    ) -> Result<Self, Error> {
        let config = config.to_string();
        let base_dir = subject.base_dir.to_str().ok_or_else(|| {
            let message = format!("the folder {} is not UTF-8", subject.base_dir.display());
            Error::new(ErrorKind::Other, message)
        })?;
        let request = OpenRequest {
            config: config.as_str().into(),
            base_dir: base_dir.into(),
            shape: shape.map(|dim| dim as u64),
            levels: subject.levels,
            log: silence,
        };
        let opened = (subject.module.open())(request).into_result();
        opened.map(Self).map_err(Into::into)
    }

    pub(crate) fn manifest(&self) -> Result<Manifest, String> {
        let text = self.0.manifest();
        if text.is_empty() {
            return Err("an empty text: `manifest` panicked, or holds what JSON cannot".to_owned());
        }
        serde_json::from_str(text.as_str()).map_err(|error| format!("{error} in \"{text}\""))
    }

    /// The votes for the first `rows` inputs of a batch.
    pub(crate) fn vote(&self, batch: &[i16], rows: usize) -> Result<Vec<u32>, Error> {
        let mut votes = vec![NO_VOTE; rows];
        self.vote_into(batch, rows, &mut votes).map(|()| votes)
    }

    pub(crate) fn vote_into(
        &self,
        batch: &[i16],
        rows: usize,
        votes: &mut [u32],
    ) -> Result<(), Error> {
        let (batch, votes) = (RSlice::from_slice(batch), RSliceMut::from_mut_slice(votes));
        self.0.vote(batch, rows, votes).into_result().map_err(Into::into)
    }

    pub(crate) fn draw_into(
        &self,
        noise: AbiNoiseTable<'_>,
        segments: &[AbiSegment<'_>],
        padded_rows: usize,
        votes: &mut [u32],
    ) -> Result<(), Error> {
        let (segments, votes) = (RSlice::from_slice(segments), RSliceMut::from_mut_slice(votes));
        self.0.draw(noise, segments, padded_rows, votes).into_result().map_err(Into::into)
    }
}

extern "C" fn silence(_: u8, _: RStr<'_>, _: RStr<'_>) {}
