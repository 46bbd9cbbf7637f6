//! Ctrl-C and its relatives: finish what is under way, then stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::Context as _;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether to stop.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicI32>);

impl Interrupt {
    /// Watches for SIGINT and SIGTERM from now on. The second one ends the process.
    pub(super) fn watch() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let caught = Arc::clone(&interrupt.0);
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
        // A file that may not grow any more is then an error of writing, not the end.
        signal_hook::flag::register(libc::SIGXFSZ, Arc::default())
            .context("cannot watch for signals")?;
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if caught.swap(signal, Ordering::Relaxed) != 0 {
                    // At once: nothing is torn down under threads that still run.
                    signal_hook::low_level::exit(code(signal).into());
                }
                say!("stopping: the inputs under way are finished first; again to stop at once");
            }
        });
        Ok(interrupt)
    }

    /// The exit code to stop with, if it is time to.
    pub(super) fn caught(&self) -> Option<u8> {
        let signal = self.0.load(Ordering::Relaxed);
        (signal != 0).then(|| code(signal))
    }
}

/// As shells tell that a signal ended a program: 130 and 143.
fn code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(1)
}
