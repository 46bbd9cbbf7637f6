//! Colours and dashes that survive print and colour blindness.

use plotters::style::RGBColor;

use crate::line::Line;

/// Okabe and Ito's colours but for yellow, which is too pale for lines; darkest first.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];

/// Lengths of a dash and of the gap after it, in pixels; no gap is a solid line.
const DASHES: [(u32, u32); 4] = [(1, 0), (9, 4), (2, 3), (16, 5)];

/// The lines with their colours and dashes.
pub(crate) fn styles(
    lines: &[Line],
) -> impl DoubleEndedIterator<Item = (&Line, RGBColor, (u32, u32))> {
    lines.iter().enumerate().map(|(index, line)| {
        let place = lines[..index].iter().filter(|other| other.reference == line.reference).count();
        let (colour, dash) = if line.reference { reference(place) } else { curve(place) };
        (line, colour, dash)
    })
}

/// Grey and dash of what curves are compared with, by place.
fn reference(place: usize) -> (RGBColor, (u32, u32)) {
    (RGBColor(110, 110, 110), [(3, 3), (12, 3)][place % 2])
}

/// Colour and dash of the curve at a place: no two of the first twelve are alike,
/// and neighbours differ in both.
fn curve(place: usize) -> (RGBColor, (u32, u32)) {
    let round = place / COLOURS.len();
    (COLOURS[place % COLOURS.len()], DASHES[(place + round) % DASHES.len()])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn twelve_curves_can_be_told_apart() {
        let styles: HashSet<_> =
            (0..12).map(|i| (curve(i).0.0, curve(i).0.1, curve(i).1)).collect();
        assert_eq!(styles.len(), 12);
    }
}
