#![forbid(unsafe_code)]
//! Certified-accuracy curves as people look at them.
//!
//! * [`Chart`]: curves, drawn as SVG or PNG.

mod chart;
mod palette;

pub use chart::{Chart, ChartError, Line, Size};
