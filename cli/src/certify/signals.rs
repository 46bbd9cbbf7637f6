//! Ctrl-C and its relatives: keep what is drawn, then stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::channel;

use anyhow::Context as _;
use drs_router::start_thread;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether to stop.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicI32>);

impl Interrupt {
    /// Watches for SIGINT and SIGTERM from now on. The first one does `stop`, on a thread of its
    /// own, with the exit code; the second one ends the process.
    pub(super) fn watch(stop: impl FnOnce(u8) + Send + 'static) -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let caught = Arc::clone(&interrupt.0);
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
        // Started now: there may be no other thread to be had by then.
        let (first, comes) = channel();
        start_thread("stop", move || {
            if let Ok(signal) = comes.recv() {
                stop(code(signal));
            }
        })?;
        let mut first = Some(first);
        start_thread("signals", move || {
            for signal in signals.forever() {
                caught.store(signal, Ordering::Relaxed);
                match first.take() {
                    Some(first) => {
                        let _ = first.send(signal);
                    }
                    None => exit(code(signal)),
                }
            }
        })?;
        Ok(interrupt)
    }

    /// The exit code to stop with, if it is time to.
    pub(super) fn caught(&self) -> Option<u8> {
        let signal = self.0.load(Ordering::Relaxed);
        (signal != 0).then(|| code(signal))
    }
}

/// Ends the process at once: nothing is torn down under threads that still run.
pub(super) fn exit(code: u8) -> ! {
    signal_hook::low_level::exit(code.into())
}

/// As shells tell that a signal ended a program: 130 and 143.
fn code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(1)
}
