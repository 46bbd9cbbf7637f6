//! A curve with what tells it apart.

use drs_analysis::Curve;

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// In the legend.
    pub name: String,
    /// What is drawn.
    pub curve: Curve,
    /// What the others are compared with: drawn in grey.
    pub reference: bool,
}
