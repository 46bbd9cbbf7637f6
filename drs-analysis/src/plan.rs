//! Whether routing among some experts would pay, from their own logs.

use crate::curve::Curve;
use crate::joint::Joint;

/// Some of the logs as a pool, and what routers of different quality would make of it.
///
/// A router of accuracy q takes, with probability q, the expert with the largest
/// radius on the true class (the oracle's), else one of the others, each as
/// likely. Its own certified radius, which may bind, is left out: the figures
/// are what the choice of experts allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The logs by place, rising.
    pub members: Vec<usize>,
    oracle: Curve,
    singles: Vec<Curve>,
}

impl Pool {
    /// Every pool of two or more of the logs: small ones first, then by place.
    #[must_use]
    pub fn all(joint: &Joint<'_>) -> Vec<Self> {
        let logs = joint.logs().len();
        let masks = 1_usize..1 << logs;
        let members = masks.map(|mask| (0..logs).filter(|log| mask >> log & 1 == 1).collect());
        let mut pools: Vec<Vec<usize>> =
            members.filter(|pool: &Vec<usize>| pool.len() > 1).collect();
        pools.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        pools.into_iter().map(|members| Self::of(joint, members)).collect()
    }

    fn of(joint: &Joint<'_>, members: Vec<usize>) -> Self {
        let logs = joint.logs();
        let oracle = joint.oracle_of(&members);
        let singles = members.iter().map(|&log| Curve::of(&logs[log])).collect();
        Self { members, oracle, singles }
    }

    /// What always taking the best expert certifies.
    #[must_use]
    pub fn oracle(&self) -> &Curve {
        &self.oracle
    }

    /// Whether the draws of all its logs decided what is certified at a radius. Where they
    /// did not, every figure here is of radii that more draws would raise.
    #[must_use]
    pub fn is_decided_at(&self, radius: f64) -> bool {
        self.oracle.is_decided_at(radius)
            && self.singles.iter().all(|curve| curve.is_decided_at(radius))
    }

    /// Certified accuracy of the pool's best single expert at a radius: 0 to 1.
    #[must_use]
    pub fn envelope(&self, radius: f64) -> f64 {
        self.singles.iter().map(|curve| curve.accuracy(radius)).fold(0.0, f64::max)
    }

    /// Certified accuracy of never taking the best expert but any other: 0 to 1.
    fn astray(&self, radius: f64) -> f64 {
        // Where any expert certifies the oracle's does: the others' share is the
        // sum of all less the oracle's own.
        let all: f64 = self.singles.iter().map(|curve| curve.accuracy(radius)).sum();
        (all - self.oracle.accuracy(radius)) / (self.members.len() - 1) as f64
    }

    /// Expected certified accuracy at a radius with a router of this accuracy: 0 to 1.
    #[must_use]
    pub fn expected(&self, accuracy: f64, radius: f64) -> f64 {
        accuracy * self.oracle.accuracy(radius) + (1.0 - accuracy) * self.astray(radius)
    }

    /// The accuracy from which on a router certifies more at a radius than
    /// `rival` (0 to 1); `None` if none does.
    #[must_use]
    pub fn needed(&self, rival: f64, radius: f64) -> Option<f64> {
        let (oracle, astray) = (self.oracle.accuracy(radius), self.astray(radius));
        if oracle <= rival {
            return None;
        }
        Some(((rival - astray) / (oracle - astray)).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Log, Row};

    fn log(name: &str, radii: &[f64]) -> Log {
        let row = |(index, &radius): (usize, &f64)| Row {
            index,
            label: Some(0),
            predict: (radius > 0.0).then_some(0),
            radius,
            seconds: None,
            draws: None,
            routing: None,
        };
        Log::exact(name, radii.iter().enumerate().map(row).collect())
    }

    #[test]
    fn a_router_gains_where_experts_differ() {
        let logs = [
            log("near", &[0.5, 0.5, 0.5, 0.0]),
            log("far", &[2.0, 0.0, 0.0, 1.0]),
            log("poor", &[0.1, 0.1, 0.0, 0.0]),
        ];
        let joint = Joint::new(&logs).unwrap();
        let pools = Pool::all(&joint);
        let members: Vec<_> = pools.iter().map(|pool| pool.members.clone()).collect();
        assert_eq!(members, [vec![0, 1], vec![0, 2], vec![1, 2], vec![0, 1, 2]]);
        let pair = &pools[0];
        assert_eq!((pair.oracle().accuracy(0.5), pair.envelope(0.5)), (1.0, 0.75));
        // Always astray: far, near's rival, on inputs 0 to 2 … of which only 0 is
        // certified, there by near; and near on input 3.
        assert_eq!(pair.expected(0.0, 0.5), 0.25);
        assert_eq!(pair.expected(0.5, 0.5), 0.625);
        let needed = pair.needed(0.75, 0.5).unwrap();
        assert!((pair.expected(needed, 0.5) - 0.75).abs() < 1e-12);
        assert_eq!(pools[1].needed(0.75, 0.5), None, "the poor expert adds nothing");
        assert_eq!(pools[3].oracle().accuracy(1.0), 0.5);
    }
}
