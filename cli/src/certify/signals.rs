//! Ctrl-C and its relatives: keep what is drawn, then stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::Context as _;
use drs_progress::say;
use drs_router::start_thread;
use drs_run::Stop;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether to stop.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicI32>);

impl Interrupt {
    /// Watches for SIGINT and SIGTERM from now on. The first one asks the run to stop, on a thread
    /// of its own, and ends the process if the run does not end; the second one ends it at once.
    pub(super) fn watch(stop: &Stop) -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let (caught, stop) = (Arc::clone(&interrupt.0), stop.clone());
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
        // Started now: there may be no other thread to be had by then.
        let (first, comes) = channel();
        start_thread("stop", move || {
            if let Ok(signal) = comes.recv() {
                halt(&stop, code(signal));
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

/// How long the process may take to end after its run.
const GRACE: Duration = Duration::from_secs(4);

/// Asks the run to stop. Ends the process if nothing else does.
fn halt(stop: &Stop, code: u8) {
    let Some(halted) = stop.ask() else {
        // The run has ended. The summary may go to a pipe that nobody reads, a model may hang.
        std::thread::sleep(GRACE);
        exit(code);
    };
    if let Some(error) = halted.unsteady {
        say!("error: {:#}", anyhow::Error::from(error));
        exit(1);
    }
    let kept = halted.kept.map_err(anyhow::Error::from);
    say!(
        "stopped while something else still ran (reading an input, writing, or a last trial of the models); votes of inputs under way that are kept: {}; the same command goes on",
        kept.map_or_else(|error| format!("none ({error:#})"), |draws| draws.to_string())
    );
    exit(code);
}

/// Ends the process at once: nothing is torn down under threads that still run.
pub(super) fn exit(code: u8) -> ! {
    signal_hook::low_level::exit(code.into())
}

/// As shells tell that a signal ended a program: 130 and 143.
fn code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(1)
}
