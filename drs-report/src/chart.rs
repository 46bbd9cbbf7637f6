//! Certified accuracy against radius, drawn.

use std::io::Cursor;
use std::sync::Once;

use drs_core::text::printable;
use image::{ImageFormat, RgbImage};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::corners::{between, corners};
use crate::line::Line;
use crate::palette;

/// How much of a line's colour its shade has.
const SHADE: f64 = 0.13;

/// Of what stands for all lines in the legend.
const GREY: RGBColor = RGBColor(110, 110, 110);

const DOTS: &str = "decided radii";
const SHADED: &str = "not decided: at least the line, at most the shade";

/// What curves are drawn on.
type Axes<'a, D> = ChartContext<'a, D, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A chart that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the chart cannot be drawn: {0}")]
pub struct ChartError(String);

impl ChartError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Curves over one pair of axes. Where draws stopped before a radius was decided the curve is
/// a lower bound: it is drawn thin, with dots at the radii that were decided, and shaded up to
/// what there may be with all draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Above the axes; none if empty.
    pub title: String,
    /// From the first on top to the last below.
    pub lines: Vec<Line>,
    /// Where the radius axis ends; `None` for the largest radius of any line.
    pub to: Option<f64>,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// From 200.
    pub width: u32,
    /// From 150.
    pub height: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self { width: 720, height: 440 }
    }
}

impl Chart {
    /// The chart as SVG.
    ///
    /// # Errors
    /// If it cannot be drawn at this size.
    pub fn svg(&self, size: Size) -> Result<String, ChartError> {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, (size.width, size.height));
        self.draw(&area.into_drawing_area(), 1)?;
        Ok(svg)
    }

    /// The chart as PNG, `scale` times as many pixels each way.
    ///
    /// # Errors
    /// If it cannot be drawn at this size.
    pub fn png(&self, size: Size, scale: u32) -> Result<Vec<u8>, ChartError> {
        let (width, height) = (size.width * scale, size.height * scale);
        let mut pixels = vec![0; (width * height * 3) as usize];
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height));
        self.draw(&area.into_drawing_area(), scale)?;
        let image = RgbImage::from_raw(width, height, pixels);
        let image = image.ok_or_else(|| ChartError::new("no pixels"))?;
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png).map_err(ChartError::new)?;
        Ok(png.into_inner())
    }

    fn draw<D: DrawingBackend>(
        &self,
        area: &DrawingArea<D, Shift>,
        scale: u32,
    ) -> Result<(), ChartError> {
        register_fonts();
        area.fill(&WHITE).map_err(ChartError::new)?;
        let pixels = |length: u32| length * scale;
        let font = |size: u32| ("sans-serif", pixels(size)).into_font();
        let to = self.to.unwrap_or_else(|| self.largest_radius()).max(f64::MIN_POSITIVE);
        let mut builder = ChartBuilder::on(area);
        builder.margin(pixels(12)).x_label_area_size(pixels(44)).y_label_area_size(pixels(56));
        if !self.title.is_empty() {
            builder.caption(printable(&self.title), font(18));
        }
        let mut axes = builder.build_cartesian_2d(0.0..to, 0.0..1.0).map_err(ChartError::new)?;
        axes.configure_mesh()
            .x_desc("L2 radius")
            .y_desc("certified accuracy")
            .x_labels(11)
            .y_labels(11)
            .x_label_formatter(&|radius| short(*radius))
            .y_label_formatter(&|share| format!("{share:.1}"))
            .label_style(font(13))
            .axis_desc_style(font(15))
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(225, 225, 225))
            .draw()
            .map_err(ChartError::new)?;
        for (line, colour, _) in palette::styles(&self.lines) {
            if !line.curve.is_decided() {
                let shade = Polygon::new(between(&line.curve, to), colour.mix(SHADE).filled());
                axes.draw_series(std::iter::once(shade)).map_err(ChartError::new)?;
            }
        }
        // The first line last, so that it lies on top.
        let mut styles = Vec::with_capacity(self.lines.len());
        for (line, colour, dash) in palette::styles(&self.lines).rev() {
            let width = if line.curve.is_decided() { 2 } else { 1 };
            let style = colour.stroke_width(pixels(width));
            axes.draw_series(std::iter::once(path(
                corners(line.curve.steps(), to),
                dash,
                scale,
                style,
            )))
            .map_err(ChartError::new)?;
            let at = line.curve.decided().iter().filter(|radius| **radius <= to);
            let dots = at.map(|&radius| (radius, line.curve.accuracy(radius)));
            axes.draw_series(dots.map(|at| Circle::new(at, pixels(3), colour.filled())))
                .map_err(ChartError::new)?;
            styles.push((line, dash, style));
        }
        // Legend entries in the lines' own order, on nothing drawn.
        for (line, dash, style) in styles.into_iter().rev() {
            let nothing = path(Vec::new(), dash, scale, style);
            let key = pixels(30) as i32;
            axes.draw_series(std::iter::once(nothing))
                .map_err(ChartError::new)?
                .label(printable(&line.name))
                .legend(move |(x, y)| path(vec![(x, y), (x + key, y)], dash, scale, style));
        }
        let has_bounds = self.explain(&mut axes, scale)?;
        if self.lines.len() > 1 || has_bounds {
            axes.configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .legend_area_size(pixels(36))
                .margin(pixels(8))
                .background_style(WHITE.mix(0.85))
                .border_style(RGBColor(190, 190, 190))
                .label_font(font(13))
                .draw()
                .map_err(ChartError::new)?;
        }
        area.present().map_err(ChartError::new)
    }

    /// Adds to the legend what dots and shade are; tells whether there are any.
    fn explain<D: DrawingBackend>(
        &self,
        axes: &mut Axes<'_, D>,
        scale: u32,
    ) -> Result<bool, ChartError> {
        let has_dots = self.lines.iter().any(|line| !line.curve.decided().is_empty());
        let has_shade = self.lines.iter().any(|line| !line.curve.is_decided());
        let size = 3 * scale;
        let (middle, high) = ((15 * scale) as i32, (5 * scale) as i32);
        let nothing = std::iter::empty::<Circle<(f64, f64), u32>>;
        if has_dots {
            axes.draw_series(nothing())
                .map_err(ChartError::new)?
                .label(DOTS)
                .legend(move |(x, y)| Circle::new((x + middle, y), size, GREY.filled()));
        }
        if has_shade {
            let fill = GREY.mix(2.0 * SHADE).filled();
            axes.draw_series(nothing()).map_err(ChartError::new)?.label(SHADED).legend(
                move |(x, y)| Rectangle::new([(x, y - high), (x + 2 * middle, y + high)], fill),
            );
        }
        Ok(has_dots || has_shade)
    }

    fn largest_radius(&self) -> f64 {
        let radii = self.lines.iter().flat_map(|line| line.curve.steps());
        radii.map(|(radius, _)| radius).fold(0.0, f64::max)
    }
}

/// A line with dashes measured in pixels along it.
fn path<C: Clone>(
    points: Vec<C>,
    (dash, gap): (u32, u32),
    scale: u32,
    style: ShapeStyle,
) -> DashedPathElement<std::vec::IntoIter<C>, u32> {
    // One dash beyond any chart is a solid line.
    let (dash, gap) = if gap == 0 { (100_000, 0) } else { (dash * scale, gap * scale) };
    DashedPathElement::new(points, dash, gap, style)
}

/// A radius without zeros at its end.
fn short(radius: f64) -> String {
    let text = format!("{radius:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A font of our own: drawing must not depend on what is installed.
fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only for bytes that are no font.
        let _ = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

#[cfg(test)]
mod tests {
    use drs_analysis::Curve;

    use super::*;

    fn chart() -> Chart {
        let line = |name: &str, radii: &[f64], reference| Line {
            name: name.to_owned(),
            curve: Curve::new(radii.to_vec(), 4),
            reference,
        };
        Chart {
            title: "two <experts> & more".to_owned(),
            lines: vec![
                line("near", &[0.5, 0.5, 0.25], false),
                line("far", &[1.0, 2.0], false),
                line("oracle", &[0.5, 0.5, 1.0, 2.0], true),
            ],
            to: None,
        }
    }

    #[test]
    fn what_was_not_decided_is_shaded_and_said() {
        let mut chart = chart();
        let exact = chart.svg(Size::default()).unwrap();
        assert!(!exact.contains(SHADED) && !exact.contains("<polygon") && !exact.contains(DOTS));
        let most = [f64::INFINITY, 0.75, 0.5];
        let grid = vec![0.0, 0.5, 0.75, 1.0, 3.0];
        chart.lines[0].curve = Curve::between(vec![1.0, 0.5, 0.5], most.to_vec(), 4, grid);
        chart.lines.truncate(1);
        chart.to = Some(2.0);
        let svg = chart.svg(Size::default()).unwrap();
        assert_eq!(svg.matches("<polygon").count(), 1);
        // The dots within the axes, and the one of the legend.
        assert_eq!(svg.matches("<circle").count(), 5);
        assert!(svg.contains(SHADED) && svg.contains(DOTS), "{svg}");
    }

    #[test]
    fn svg_is_text_that_names_the_curves() {
        let svg = chart().svg(Size::default()).unwrap();
        for text in ["near", "far", "oracle", "L2 radius", "certified accuracy", "&lt;experts&gt;"]
        {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn png_has_the_size_asked_for_and_something_on_it() {
        let png = chart().png(Size { width: 300, height: 200 }, 2).unwrap();
        let image = image::load_from_memory(&png).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (600, 400));
        let ink = image.pixels().filter(|pixel| pixel.0 != [255, 255, 255]).count();
        assert!(ink > 5000, "{ink}");
    }
}
