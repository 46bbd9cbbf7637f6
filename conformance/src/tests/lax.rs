//! A plugin without the SDK's checks: whatever does not fit gets votes for 0.

#![allow(non_local_definitions, reason = "the macros of abi_stable 0.11")]

use drs_plugins_api::abi::{
    AbiError, AbiExpert, AbiExpert_TO, AbiNoiseTable, AbiSegment, ExpertObject, OpenRequest,
    PluginModule, PluginModuleRef,
};
use drs_plugins_api::abi_stable::prefix_type::PrefixTypeTrait as _;
use drs_plugins_api::abi_stable::sabi_trait::TD_Opaque;
use drs_plugins_api::abi_stable::std_types::{RErr, ROk, RResult, RSlice, RSliceMut, RString};
use drs_plugins_api::in_process;

use super::mock::Mock;

pub(super) fn module() -> PluginModuleRef {
    PluginModule { about, open, files }.leak_into_prefix()
}

extern "C" fn about() -> RString {
    (in_process::<Mock>().about())()
}

extern "C" fn open(request: OpenRequest<'_>) -> RResult<ExpertObject, AbiError> {
    match (in_process::<Mock>().open())(request) {
        ROk(inner) => ROk(AbiExpert_TO::from_value(Lax(inner), TD_Opaque)),
        RErr(error) => RErr(error),
    }
}

extern "C" fn files(_: OpenRequest<'_>) -> RResult<RString, AbiError> {
    // It does not tell.
    ROk("null".into())
}

struct Lax(ExpertObject);

impl AbiExpert for Lax {
    fn manifest(&self) -> RString {
        self.0.manifest()
    }

    fn vote(
        &self,
        batch: RSlice<'_, i16>,
        rows: usize,
        votes: RSliceMut<'_, u32>,
    ) -> RResult<(), AbiError> {
        let votes = votes.into_mut_slice();
        let answer = self.0.vote(batch, rows, RSliceMut::from_mut_slice(votes));
        if votes.len() > rows {
            votes[rows..].fill(0);
        }
        forgiven(answer)
    }

    fn draw(
        &self,
        noise: AbiNoiseTable<'_>,
        segments: RSlice<'_, AbiSegment<'_>>,
        padded_rows: usize,
        votes: RSliceMut<'_, u32>,
    ) -> RResult<(), AbiError> {
        forgiven(self.0.draw(noise, segments, padded_rows, votes))
    }
}

fn forgiven(answer: RResult<(), AbiError>) -> RResult<(), AbiError> {
    const BATCH: u32 = 3;
    match answer {
        RErr(error) if error.code == BATCH => ROk(()),
        answer => answer,
    }
}
