//! The one style of progress bars.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many inputs; it stays away where standard error is no terminal.
pub(crate) fn over_inputs(inputs: usize) -> ProgressBar {
    let bar = ProgressBar::new(inputs as u64);
    let template = "{wide_bar} {pos}/{len} inputs, {elapsed} gone, {eta} left{msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
