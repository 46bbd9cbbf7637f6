//! Certified accuracy against radius.

use crate::log::Log;

/// The exact curve of a log: a falling step function.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Certified radii of the inputs that are right, falling.
    radii: Vec<f64>,
    inputs: usize,
}

impl Curve {
    /// The curve of a log.
    #[must_use]
    pub fn of(log: &Log) -> Self {
        let right = log.rows.iter().filter(|row| row.correct());
        Self::new(right.map(|row| row.radius).collect(), log.rows.len())
    }

    /// The curve of these certified radii of right answers among so many inputs.
    #[must_use]
    pub fn new(mut radii: Vec<f64>, inputs: usize) -> Self {
        radii.sort_by(|a, b| b.total_cmp(a));
        Self { radii, inputs }
    }

    /// The best of some curves at every radius: what always knowing the radius in
    /// question, but not the input, would certify. Of curves of equally many inputs.
    #[must_use]
    pub fn envelope(curves: &[Self]) -> Self {
        let inputs = curves.iter().map(|curve| curve.inputs).max().unwrap_or(0);
        let longest = curves.iter().map(|curve| curve.radii.len()).max().unwrap_or(0);
        // The radius up to which some curve still has this many inputs.
        let best = |place: usize| {
            let radii = curves.iter().filter_map(|curve| curve.radii.get(place));
            radii.copied().fold(f64::NEG_INFINITY, f64::max)
        };
        Self::new((0..longest).map(best).collect(), inputs)
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many inputs are right with a radius of at least `radius`.
    #[must_use]
    pub fn count(&self, radius: f64) -> usize {
        self.radii.partition_point(|&own| own >= radius)
    }

    /// The share of inputs that are right with a radius of at least `radius`: 0 to 1.
    #[must_use]
    pub fn accuracy(&self, radius: f64) -> f64 {
        self.count(radius) as f64 / self.inputs as f64
    }

    /// Average certified radius: the mean over all inputs, wrong answers and
    /// abstentions counted as 0. A poor summary: it rewards very large radii on
    /// easy inputs (Sun et al. 2025).
    #[must_use]
    pub fn average_radius(&self) -> f64 {
        self.radii.iter().sum::<f64>() / self.inputs as f64
    }

    /// The corners: accuracy from each radius up to the next, the first from 0.
    ///
    /// Each step (r, a) says that accuracy is a for radii in (previous r, r].
    pub fn steps(&self) -> impl Iterator<Item = (f64, f64)> {
        // From the smallest radius up; of equal radii the one that counts them all.
        let mut seen = f64::NEG_INFINITY;
        (0..self.radii.len()).rev().filter_map(move |index| {
            let radius = self.radii[index];
            let new = radius > seen;
            seen = radius;
            new.then(|| (radius, (index + 1) as f64 / self.inputs as f64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_counts_radii_from_the_asked_one_up() {
        let curve = Curve::new(vec![0.5, 1.0, 0.5, 0.0], 5);
        assert_eq!(curve.accuracy(0.0), 0.8);
        assert_eq!((curve.count(0.5), curve.count(0.500_1), curve.count(2.0)), (3, 1, 0));
        assert_eq!(curve.average_radius(), 0.4);
    }

    #[test]
    fn the_envelope_is_the_best_curve_at_every_radius() {
        let curves = [
            Curve::new(vec![0.5, 0.5, 0.25], 4),
            Curve::new(vec![2.0, 0.3], 4),
            Curve::new(vec![], 4),
        ];
        let envelope = Curve::envelope(&curves);
        for radius in [0.0, 0.25, 0.3, 0.4, 0.5, 0.6, 2.0, 2.1] {
            let best = curves.iter().map(|curve| curve.count(radius)).max().unwrap();
            assert_eq!(envelope.count(radius), best, "{radius}");
        }
    }

    #[test]
    fn steps_are_the_corners_of_the_curve() {
        let curve = Curve::new(vec![0.5, 1.0, 0.5, 0.0], 5);
        let steps: Vec<_> = curve.steps().collect();
        assert_eq!(steps, [(0.0, 0.8), (0.5, 0.6), (1.0, 0.2)]);
        assert!(steps.iter().all(|&(radius, accuracy)| curve.accuracy(radius) == accuracy));
    }
}
