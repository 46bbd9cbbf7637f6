#![forbid(unsafe_code)]
//! The one style of progress bars, lines in logs where there is no terminal, and what is printed.

mod print;

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

pub use print::{tell, write_line};

/// A bar over so many of something; it stays away where standard error is no terminal.
///
/// Its estimate is by the mean pace so far. Inputs end in bursts, and epochs with a pause: the pace
/// of the last seconds says little of either.
#[derive(Debug)]
pub struct Bar {
    shown: ProgressBar,
    /// What was there before this run.
    earlier: Arc<AtomicU64>,
}

impl Bar {
    /// A bar over `count` of `what`, which reads like "inputs labelled".
    #[must_use]
    pub fn over(count: usize, what: &str) -> Self {
        let bar = Self { shown: ProgressBar::new(count as u64), earlier: Arc::default() };
        let template =
            format!("{{wide_bar}} {{pos}}/{{len}} {what}, {{elapsed}} gone, {{left}} left{{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            let earlier = Arc::clone(&bar.earlier);
            let key = move |state: &ProgressState, text: &mut dyn fmt::Write| {
                let (earlier, of) = (earlier.load(Ordering::Relaxed), state.len().unwrap_or(0));
                let _ = write!(text, "{:#}", left(state.elapsed(), earlier, state.pos(), of));
            };
            bar.shown.set_style(style.with_key("left", key));
        }
        bar
    }

    /// One that is never seen.
    #[must_use]
    pub fn hidden() -> Self {
        Self { shown: ProgressBar::hidden(), earlier: Arc::default() }
    }

    /// So many were done by an earlier run.
    pub fn skip(&self, count: usize) {
        let count = count as u64;
        let earlier = self.earlier.fetch_add(count, Ordering::Relaxed);
        if earlier == self.shown.position() {
            self.shown.reset_elapsed();
        }
        self.shown.inc(count);
    }

    /// One more is done.
    pub fn advance(&self) {
        self.shown.inc(1);
    }

    /// What stands at its end.
    pub fn set_message(&self, message: String) {
        self.shown.set_message(message);
    }

    /// Does something, such as writing a line, with the bar out of the way.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        self.shown.suspend(work)
    }

    /// How many are done.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.shown.position()
    }

    /// A line with an estimate where the bar stays away, as in the log of a job. One that cannot be
    /// written costs no result.
    pub fn log(&self, line: &str) {
        if self.shown.is_hidden() {
            let (earlier, of) = (&self.earlier, self.shown.length().unwrap_or(0));
            let earlier = earlier.load(Ordering::Relaxed);
            let left = left(self.shown.elapsed(), earlier, self.position(), of);
            let _ = writeln!(std::io::stderr(), "{line}, {left} left");
        }
    }

    /// Takes it away.
    pub fn finish(&self) {
        self.shown.finish_and_clear();
    }
}

/// The time for what is left, by the mean pace of what was done since `earlier`.
fn left(elapsed: Duration, earlier: u64, position: u64, of: u64) -> HumanDuration {
    let done = position.saturating_sub(earlier).max(1);
    HumanDuration(elapsed.mul_f64(of.saturating_sub(position) as f64 / done as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_did_took_no_time() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!(left(minutes(4), 0, 20, 100).to_string(), "16 minutes");
        assert_eq!(left(minutes(4), 50, 60, 100).to_string(), "16 minutes");
        assert_eq!(left(minutes(4), 50, 100, 100).to_string(), "0 seconds");
        assert_eq!(left(Duration::ZERO, 50, 50, 100).to_string(), "0 seconds");
    }

    #[test]
    fn skipped_and_done_are_told_apart() {
        let bar = Bar::over(10, "inputs");
        bar.skip(4);
        bar.advance();
        bar.skip(2);
        assert_eq!((bar.position(), bar.earlier.load(Ordering::Relaxed)), (7, 6));
    }
}
