//! The one style of progress bars.

use indicatif::{ProgressBar, ProgressStyle};

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
