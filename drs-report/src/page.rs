//! One HTML file with everything in it: curves, tables, inputs.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drs_core::certificate::Binds;
use drs_core::text::printable;
use serde::{Serialize, Serializer};

use crate::escape;
use crate::line::Line;
use crate::palette;
use crate::table::{Markup, Part};

const PAGE: &str = include_str!("../assets/page.html");

/// What a report shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Heading and window title.
    pub title: String,
    /// Below the heading.
    pub subtitle: String,
    /// Curves; none, no figure.
    pub lines: Vec<Line>,
    /// Below the curves: where they are lower bounds.
    pub hints: Vec<String>,
    /// Tables.
    pub tables: Vec<Part>,
    /// Names of the classes, as far as they are known.
    pub classes: Vec<String>,
    /// Colour channels of the inputs' images: 1 or 3.
    pub channels: usize,
    /// Inputs; none, no gallery.
    pub cards: Vec<Card>,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// Index in its data set.
    pub index: usize,
    /// True class, if it is known.
    pub label: Option<usize>,
    /// Certified class; `None` abstained.
    pub predict: Option<usize>,
    /// Certified radius.
    pub radius: f64,
    /// The expert it was routed to.
    pub expert: Option<String>,
    /// That expert's noise level.
    pub sigma: Option<f64>,
    /// Which half is the weaker.
    pub binds: Option<Binds>,
    /// Within this distance the route holds; `None` if nothing depends on it.
    pub route_radius: Option<f64>,
    /// Within this distance the class holds.
    pub class_radius: Option<f64>,
    /// The input as PNG, small.
    #[serde(serialize_with = "base64", skip_serializing_if = "Option::is_none")]
    pub image: Option<Vec<u8>>,
}

fn base64<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
}

/// What the page's script reads.
#[derive(Serialize)]
struct Data<'a> {
    lines: Vec<LineData<'a>>,
    classes: Vec<Cow<'a, str>>,
    channels: usize,
    cards: &'a [Card],
}

#[derive(Serialize)]
struct LineData<'a> {
    name: Cow<'a, str>,
    colour: String,
    dash: (u32, u32),
    /// Up to each radius, the share.
    steps: Vec<(f64, f64)>,
    /// The same of what there may be with all draws, where that is more; radii may be +∞
    /// (`null`).
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<Vec<(f64, f64)>>,
    /// Radii that were decided one by one.
    decided: &'a [f64],
}

impl Page {
    /// Writes the file. It needs no network and nothing beside it.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let data = Data {
            lines: self.line_data(),
            classes: self.classes.iter().map(|name| printable(name)).collect(),
            channels: self.channels,
            cards: &self.cards,
        };
        // No text may end the element that the data is in.
        let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
        let (title, subtitle) = (escape::html(&self.title), escape::html(&self.subtitle));
        let tables = Markup::Html.text(&self.tables);
        let hint = |hint: &String| format!("<p class=\"hint\">{}</p>\n", escape::html(hint));
        let hints: String = self.hints.iter().map(hint).collect();
        let fields = [
            ("title", title.as_str()),
            ("subtitle", &subtitle),
            ("hints", &hints),
            ("tables", &tables),
            ("data", &data),
            ("css", include_str!("../assets/page.css")),
            ("js", include_str!("../assets/page.js")),
            ("uplot_css", include_str!("../assets/uplot.css")),
            ("uplot_js", include_str!("../assets/uplot.js")),
        ];
        // In one pass, so that braces in a field stay what they are.
        let mut rest = PAGE;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else { break };
            out.write_all(before.as_bytes())?;
            let value = fields.iter().find(|(field, _)| *field == name);
            let value = value.ok_or_else(|| io::Error::other(format!("no field {name}")))?;
            out.write_all(value.1.as_bytes())?;
            rest = after;
        }
        out.write_all(rest.as_bytes())
    }

    fn line_data(&self) -> Vec<LineData<'_>> {
        palette::styles(&self.lines)
            .map(|(line, colour, dash)| LineData {
                name: printable(&line.name),
                colour: format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2),
                dash,
                steps: line.curve.steps().collect(),
                most: (!line.curve.is_decided()).then(|| line.curve.most_steps().collect()),
                decided: line.curve.decided(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use drs_analysis::Curve;

    use super::*;

    #[test]
    fn what_was_not_decided_is_given_with_both_its_sides() {
        let curve = Curve::between(vec![0.3], vec![0.5, f64::INFINITY], 2, vec![0.0, 0.5]);
        let line = Line { name: "a".into(), curve, reference: false };
        let page = Page {
            title: String::new(),
            subtitle: String::new(),
            lines: vec![line],
            hints: Vec::new(),
            tables: Vec::new(),
            classes: Vec::new(),
            channels: 1,
            cards: Vec::new(),
        };
        let mut html = Vec::new();
        page.write(&mut html).unwrap();
        let sides = r#""steps":[[0.3,0.5]],"most":[[0.5,1.0],[null,0.5]],"decided":[0.0,0.5]"#;
        assert!(String::from_utf8(html).unwrap().contains(sides));
    }

    #[test]
    fn a_page_holds_everything_and_nothing_breaks_out_of_it() {
        let card = Card {
            index: 7,
            label: Some(0),
            predict: Some(1),
            radius: 0.5,
            expert: Some("s025".into()),
            sigma: Some(0.25),
            binds: Some(Binds::Route),
            route_radius: Some(0.5),
            class_radius: Some(0.75),
            image: Some(vec![1, 2, 3]),
        };
        let page = Page {
            title: "a < b {{data}}".into(),
            subtitle: "one input".into(),
            lines: vec![Line {
                name: "</script>".into(),
                curve: Curve::new(vec![0.5], 1),
                reference: false,
            }],
            hints: vec!["a < bound".into()],
            tables: vec![Part::Note("a note".into())],
            classes: vec!["cat".into(), "dog".into()],
            channels: 3,
            cards: vec![card],
        };
        let mut html = Vec::new();
        page.write(&mut html).unwrap();
        let html = String::from_utf8(html).unwrap();
        assert!(html.contains("<title>a &lt; b {{data}}</title>"));
        let line = r##""name":"\u003c/script>","colour":"#0072b2","dash":[1,0],"steps":[[0.5,1.0]],"decided":[]"##;
        assert!(html.contains(line));
        assert!(html.contains("<p class=\"hint\">a &lt; bound</p>"));
        assert!(html.contains(r#""binds":"route""#) && html.contains(r#""image":"AQID""#));
        assert_eq!(html.matches("</script>").count(), 3, "those of the page itself");
        for outside in ["http://", "src=\"", "@import"] {
            assert!(!html.contains(outside), "the page must not load anything: {outside}");
        }
    }
}
