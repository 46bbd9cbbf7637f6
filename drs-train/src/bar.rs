//! The one style of progress bars.

use std::io::Write as _;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// A bar over so many of something; it stays away where standard error is no terminal.
pub(crate) fn over(count: usize, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    let template =
        format!("{{wide_bar}} {{pos}}/{{len}} {what}, {{elapsed}} gone, {{eta}} left{{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// A line with an estimate where the bar stays away, as in the log of a job. One that cannot be
/// written costs no result.
pub(crate) fn log(bar: &ProgressBar, line: &str) {
    if bar.is_hidden() {
        let _ = writeln!(std::io::stderr(), "{line}, {} left", HumanDuration(bar.eta()));
    }
}
