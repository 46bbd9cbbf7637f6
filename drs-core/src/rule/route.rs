//! Bounds on where the router sends an input.

use super::signed_radius_lower;
use crate::units::Sigma;

/// A set of experts by index, up to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExpertSet(u64);

impl ExpertSet {
    /// The set of the given experts.
    #[must_use]
    pub fn of(experts: &[usize]) -> Self {
        Self(experts.iter().filter(|&&expert| expert < 64).fold(0, |set, expert| set | 1 << expert))
    }

    /// Whether the expert is a member.
    #[must_use]
    pub fn has(self, expert: usize) -> bool {
        expert < 64 && self.0 >> expert & 1 == 1
    }

    /// Whether every member is also in `other`.
    #[must_use]
    pub fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether no member is in `other`.
    #[must_use]
    pub fn disjoint(self, other: Self) -> bool {
        self.0 & other.0 == 0
    }
}

/// Lower bounds t̲_S ≤ σ_e·Φ⁻¹(P(router ∈ S)) for some sets S, all holding at once.
///
/// What they imply for other sets: t grows with the set, t of all experts is
/// +∞, and t of a complement is −t.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteBounds {
    all: ExpertSet,
    lower: Vec<(ExpertSet, f64)>,
}

impl RouteBounds {
    /// No bounds yet, for a pool of `experts` experts.
    #[must_use]
    pub fn new(experts: usize) -> Self {
        Self { all: ExpertSet::of(&(0..experts).collect::<Vec<_>>()), lower: Vec::new() }
    }

    /// Adds: the router answers within `set` with probability at least `p`.
    #[must_use]
    pub fn with(mut self, sigma: Sigma, set: ExpertSet, p: f64) -> Self {
        self.lower.push((set, signed_radius_lower(sigma, p)));
        self
    }

    /// A lower bound on t of `set`: that of its best known subset, −∞ without one.
    #[must_use]
    pub fn lower(&self, set: ExpertSet) -> f64 {
        if self.all.within(set) {
            return f64::INFINITY;
        }
        self.lower
            .iter()
            .filter(|(known, _)| known.within(set))
            .fold(f64::NEG_INFINITY, |best, &(_, t)| best.max(t))
    }

    /// An upper bound on t of `set`: minus that of the best known set beside it, +∞ without one.
    #[must_use]
    pub fn upper(&self, set: ExpertSet) -> f64 {
        self.lower
            .iter()
            .filter(|(known, _)| known.disjoint(set))
            .fold(f64::INFINITY, |best, &(_, t)| best.min(-t))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sets_bound_their_supersets_and_complements() {
        let sigma = Sigma::new(1.0).unwrap();
        let route = RouteBounds::new(3).with(sigma, ExpertSet::of(&[1]), 0.7).with(
            sigma,
            ExpertSet::of(&[1, 2]),
            0.9,
        );
        let t = |p| signed_radius_lower(sigma, p);
        assert_eq!(route.lower(ExpertSet::of(&[0, 1])), t(0.7));
        assert_eq!(route.lower(ExpertSet::of(&[1, 2])), t(0.9));
        assert_eq!(route.lower(ExpertSet::of(&[0, 1, 2])), f64::INFINITY);
        assert_eq!(route.lower(ExpertSet::of(&[0])), f64::NEG_INFINITY);
        assert_eq!(route.upper(ExpertSet::of(&[0])), -t(0.9));
        assert_eq!(route.upper(ExpertSet::of(&[0, 2])), -t(0.7));
        assert_eq!(route.upper(ExpertSet::of(&[1])), f64::INFINITY);
    }
}
