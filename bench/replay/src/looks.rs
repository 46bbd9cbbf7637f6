//! Which draws the usual questions look at: what recordings and simulations must tell.

use drs_core::design::Design;
use drs_core::pool::Phase;
use drs_core::sampling::{Sequential, Stopping};
use drs_core::selection::Selection;

/// All looks of a phase, in order: those of a question about one radius, and of others.
pub(crate) fn looks(phase: Phase, n0: u64, n: u64) -> Vec<u64> {
    let mut all: Vec<u64> = match phase {
        Phase::Selection => Selection::Clear.looks(n0),
        _ => [Stopping::Full, Stopping::Radii(vec![0.5])]
            .into_iter()
            .flat_map(|question| {
                let design = Design::sequential(n, &Sequential::new(question).schedule);
                design.looks().iter().map(|look| look.draws).collect::<Vec<_>>()
            })
            .collect(),
    };
    all.sort_unstable();
    all.dedup();
    all
}
