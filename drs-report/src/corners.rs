//! Curves as corners to draw lines through.

use drs_analysis::Curve;

/// The corners of a falling step function, from 0 to where it vanishes or the axis ends.
pub(crate) fn corners(steps: impl Iterator<Item = (f64, f64)>, to: f64) -> Vec<(f64, f64)> {
    let mut corners = Vec::new();
    let mut left = 0.0;
    for (radius, accuracy) in steps {
        corners.extend([(left, accuracy), (radius.min(to), accuracy)]);
        left = radius;
        if radius >= to {
            return corners;
        }
    }
    corners.push((left, 0.0));
    corners
}

/// The area between a curve and what it may be with all draws: up along the latter, and back.
pub(crate) fn between(curve: &Curve, to: f64) -> Vec<(f64, f64)> {
    let mut area = corners(curve.most_steps(), to);
    let below = corners(curve.steps(), to);
    // Where nothing is certified any more the area goes down to the axis.
    if let (Some(&(end, _)), Some((_, 0.0))) = (area.last(), below.last()) {
        area.push((end, 0.0));
    }
    area.extend(below.into_iter().rev());
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_exact_and_end_where_the_axis_does() {
        let curve = Curve::new(vec![0.5, 0.5, 0.25], 4);
        let all = [(0.0, 0.75), (0.25, 0.75), (0.25, 0.5), (0.5, 0.5), (0.5, 0.0)];
        assert_eq!(corners(curve.steps(), 2.0), all);
        let some = [(0.0, 0.75), (0.25, 0.75), (0.25, 0.5), (0.3, 0.5)];
        assert_eq!(corners(curve.steps(), 0.3), some);
    }

    #[test]
    fn what_is_open_lies_between_what_is_certified_and_what_may_be() {
        let most = vec![f64::INFINITY, 0.75, 0.5];
        let curve = Curve::between(vec![1.0, 0.5, 0.5], most, 4, Vec::new());
        let area = [(0.0, 0.75), (0.5, 0.75), (0.5, 0.5), (0.75, 0.5), (0.75, 0.25), (1.5, 0.25)];
        let back = [(1.5, 0.0), (1.0, 0.0), (1.0, 0.25), (0.5, 0.25), (0.5, 0.75), (0.0, 0.75)];
        assert_eq!(between(&curve, 1.5), [&area[..], &back].concat());
    }
}
