//! A picture of who uses whom.

use std::fmt::Write as _;

use layout::backends::svg::SVGWriter;
use layout::gv::{DotParser, GraphBuilder};

use crate::crates::{Uses, direct};

/// An SVG: an arrow goes from each crate to those that it uses.
pub(crate) fn svg(uses: &Uses) -> Result<String, String> {
    let mut graph = GraphBuilder::new();
    graph.visit_graph(&DotParser::new(&dot(uses)).process()?);
    let mut picture = SVGWriter::new();
    graph.get().do_it(false, false, false, &mut picture);
    // The lines are black: on a dark page they need a ground.
    Ok(picture.finalize().replacen(
        "</style>",
        "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
        1,
    ))
}

fn dot(uses: &Uses) -> String {
    let mut text = "digraph {\n".to_owned();
    for name in uses.keys() {
        let _ = writeln!(text, "\"{name}\" [shape=box, label=\"{name}\"]");
    }
    for (name, used) in &direct(uses) {
        for used in used {
            let _ = writeln!(text, "\"{name}\" -> \"{used}\"");
        }
    }
    text + "}\n"
}
