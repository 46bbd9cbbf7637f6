#![forbid(unsafe_code)]
//! Results as people look at them.
//!
//! * [`Chart`]: curves, drawn as SVG or PNG.
//! * [`Page`]: one HTML file with curves, tables and inputs.
//! * [`Grid`]: tables in Markdown, LaTeX and HTML.

mod chart;
mod corners;
mod escape;
mod line;
mod page;
mod palette;
mod table;
mod thumbnail;

pub use chart::{Chart, ChartError, Size};
pub use escape::csv_text;
pub use line::Line;
pub use page::{Card, Page};
pub use table::{Grid, Markup, Part};
pub use thumbnail::thumbnail;
