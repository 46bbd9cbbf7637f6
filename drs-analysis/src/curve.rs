//! Certified accuracy against radius.

use crate::decided::shared;
use crate::log::Log;

/// The curve of a log: a falling step function, and above it one that the curve with all
/// draws does not exceed. The two are one where all is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Certified radii of the inputs that are right, falling.
    radii: Vec<f64>,
    /// The radii that right answers may have with all draws, falling; +∞ among them.
    most: Vec<f64>,
    inputs: usize,
    decided: Vec<f64>,
}

impl Curve {
    /// The curve of a log.
    #[must_use]
    pub fn of(log: &Log) -> Self {
        let radii = log.rows.iter().filter(|row| row.certified(0.0)).map(|row| row.radius);
        let most = log.rows.iter().filter_map(|row| log.most(row)).filter(|&most| most >= 0.0);
        Self::between(radii.collect(), most.collect(), log.rows.len(), log.decided.radii())
    }

    /// The curve of these certified radii of right answers among so many inputs, all of
    /// them decided.
    #[must_use]
    pub fn new(radii: Vec<f64>, inputs: usize) -> Self {
        Self::between(radii.clone(), radii, inputs, Vec::new())
    }

    /// The curve of certified radii, of those that there may be with all draws, and of the
    /// radii that were decided one by one.
    #[must_use]
    pub fn between(
        mut radii: Vec<f64>,
        mut most: Vec<f64>,
        inputs: usize,
        decided: Vec<f64>,
    ) -> Self {
        for side in [&mut radii, &mut most] {
            side.sort_by(|a, b| b.total_cmp(a));
        }
        Self { radii, most, inputs, decided }
    }

    /// The best of some curves at every radius: what always knowing the radius in
    /// question, but not the input, would certify. Of curves of equally many inputs.
    #[must_use]
    pub fn envelope(curves: &[Self]) -> Self {
        let inputs = curves.iter().map(|curve| curve.inputs).max().unwrap_or(0);
        let best = |side: fn(&Self) -> &Vec<f64>| {
            let longest = curves.iter().map(|curve| side(curve).len()).max().unwrap_or(0);
            // The radius up to which some curve still has this many inputs.
            let best = |place: usize| {
                let radii = curves.iter().filter_map(|curve| side(curve).get(place));
                radii.copied().fold(f64::NEG_INFINITY, f64::max)
            };
            (0..longest).map(best).collect()
        };
        Self::between(best(|c| &c.radii), best(|c| &c.most), inputs, decided(curves))
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

    /// How many there may be with all draws.
    #[must_use]
    pub fn most(&self, radius: f64) -> usize {
        self.most.partition_point(|&own| own >= radius)
    }

    /// Whether more draws could certify no more inputs at this radius.
    #[must_use]
    pub fn is_decided_at(&self, radius: f64) -> bool {
        self.count(radius) == self.most(radius)
    }

    /// Whether more draws could certify no more at any radius.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.radii == self.most
    }

    /// Radii that were decided one by one, rising; none where all is decided, or where
    /// draws stopped by another rule.
    #[must_use]
    pub fn decided(&self) -> &[f64] {
        &self.decided
    }

    /// The share of inputs that are right with a radius of at least `radius`: 0 to 1.
    #[must_use]
    pub fn accuracy(&self, radius: f64) -> f64 {
        self.count(radius) as f64 / self.inputs as f64
    }

    /// Average certified radius: the mean over all inputs, wrong answers and
    /// abstentions counted as 0. At least this with all draws, where the curve
    /// [is not decided](Self::is_decided). A poor summary: it rewards very large radii on
    /// easy inputs (Sun et al. 2025).
    #[must_use]
    pub fn average_radius(&self) -> f64 {
        self.radii.iter().sum::<f64>() / self.inputs as f64
    }

    /// The corners: accuracy from each radius up to the next, the first from 0.
    ///
    /// Each step (r, a) says that accuracy is a for radii in (previous r, r].
    pub fn steps(&self) -> impl Iterator<Item = (f64, f64)> {
        steps(&self.radii, self.inputs)
    }

    /// The corners of what there may be with all draws; the last may be at +∞.
    pub fn most_steps(&self) -> impl Iterator<Item = (f64, f64)> {
        steps(&self.most, self.inputs)
    }
}

/// Radii that all curves have decided, as far as they are not decided everywhere.
fn decided(curves: &[Curve]) -> Vec<f64> {
    let open = curves.iter().filter(|curve| !curve.is_decided()).map(|c| c.decided.clone());
    open.reduce(|all, own| shared(&all, &own)).unwrap_or_default()
}

fn steps(radii: &[f64], inputs: usize) -> impl Iterator<Item = (f64, f64)> {
    // From the smallest radius up; of equal radii the one that counts them all.
    let mut seen = f64::NEG_INFINITY;
    (0..radii.len()).rev().filter_map(move |index| {
        let radius = radii[index];
        let new = radius > seen;
        seen = radius;
        new.then(|| (radius, (index + 1) as f64 / inputs as f64))
    })
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
        assert!(curve.is_decided());
    }

    #[test]
    fn the_envelope_is_the_best_curve_at_every_radius() {
        let curves = [
            Curve::new(vec![0.5, 0.5, 0.25], 4),
            Curve::between(vec![2.0, 0.3], vec![f64::INFINITY, 0.4], 4, vec![0.0, 0.4]),
            Curve::new(vec![], 4),
        ];
        let envelope = Curve::envelope(&curves);
        for radius in [0.0, 0.25, 0.3, 0.4, 0.5, 0.6, 2.0, 2.1] {
            let best = curves.iter().map(|curve| curve.count(radius)).max().unwrap();
            assert_eq!(envelope.count(radius), best, "{radius}");
            let most = curves.iter().map(|curve| curve.most(radius)).max().unwrap();
            assert_eq!(envelope.most(radius), most, "{radius}");
        }
        assert_eq!(envelope.decided(), [0.0, 0.4], "exact curves decide these too");
    }

    #[test]
    fn steps_are_the_corners_of_the_curve() {
        let curve = Curve::new(vec![0.5, 1.0, 0.5, 0.0], 5);
        let steps: Vec<_> = curve.steps().collect();
        assert_eq!(steps, [(0.0, 0.8), (0.5, 0.6), (1.0, 0.2)]);
        assert!(steps.iter().all(|&(radius, accuracy)| curve.accuracy(radius) == accuracy));
    }
}
