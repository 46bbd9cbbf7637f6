//! `drs worker`: the process of an isolated plugin.

use std::sync::Arc;

use anyhow::Context as _;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Answers the host until it is gone.
///
/// Ctrl-C goes to every process of a terminal's group, and engines signal every process of a
/// task. The host then finishes the inputs under way, for which it needs its plugins: when a
/// worker ends is the host's decision alone.
pub(crate) fn run() -> anyhow::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::default()).context("cannot watch for signals")?;
    }
    Ok(drs_router::serve()?)
}
