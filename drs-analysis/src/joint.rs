//! Several logs of the same inputs.

use std::collections::HashSet;

use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF as _};

use crate::curve::Curve;
use crate::log::{Log, Row};

/// Logs that are not of the same inputs.
#[derive(Debug, thiserror::Error)]
#[error("{first} and {second} are not of the same inputs: {difference}")]
pub struct MixedInputs {
    first: String,
    second: String,
    difference: String,
}

/// Logs whose rows are of the same inputs, in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Joint<'a>(&'a [Log]);

/// Two logs at one radius: McNemar's exact test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// Inputs that only the first certifies.
    pub only_first: usize,
    /// Inputs that only the second certifies.
    pub only_second: usize,
    /// Probability of a split at least as uneven if neither were better (two-sided).
    pub p: f64,
}

impl<'a> Joint<'a> {
    /// # Errors
    /// If an index is in one log only, or has two labels.
    pub fn new(logs: &'a [Log]) -> Result<Self, MixedInputs> {
        for pair in logs.windows(2) {
            if let Some(difference) = difference(&pair[0], &pair[1]) {
                let (first, second) = (pair[0].name.clone(), pair[1].name.clone());
                return Err(MixedInputs { first, second, difference });
            }
        }
        Ok(Self(logs))
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &'a [Log] {
        self.0
    }

    /// The rows of one input after the other, a row per log.
    pub fn inputs(&self) -> impl Iterator<Item = Vec<&'a Row>> {
        let logs = self.0;
        let inputs = logs.first().map_or(0, |log| log.rows.len());
        (0..inputs).map(move |input| logs.iter().map(|log| &log.rows[input]).collect())
    }

    /// The best single log at a radius and how many inputs it certifies there;
    /// of equals the first.
    #[must_use]
    pub fn envelope(&self, radius: f64) -> Option<(&'a Log, usize)> {
        let certified = |log: &Log| log.rows.iter().filter(|row| row.certified(radius)).count();
        let counts = self.0.iter().map(|log| (log, certified(log)));
        counts.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// What a router that always knew the log with the largest radius on the
    /// true class would certify: no routing among these logs can be better.
    #[must_use]
    pub fn oracle(&self) -> Curve {
        let best = |rows: Vec<&Row>| {
            let right = rows.iter().filter(|row| row.correct());
            right.map(|row| row.radius).reduce(f64::max)
        };
        let inputs = self.inputs().count();
        Curve::new(self.inputs().filter_map(best).collect(), inputs)
    }

    /// Compares two of the logs, by place, at a radius.
    #[must_use]
    pub fn paired(&self, first: usize, second: usize, radius: f64) -> Paired {
        let (mut only_first, mut only_second) = (0, 0);
        for (a, b) in self.0[first].rows.iter().zip(&self.0[second].rows) {
            match (a.certified(radius), b.certified(radius)) {
                (true, false) => only_first += 1,
                (false, true) => only_second += 1,
                _ => {}
            }
        }
        Paired { only_first, only_second, p: mcnemar(only_first, only_second) }
    }
}

/// The rows of each log whose index all logs have.
#[must_use]
pub fn common(logs: &[Log]) -> Vec<Log> {
    let indices = |log: &Log| log.rows.iter().map(|row| row.index).collect::<HashSet<_>>();
    let shared = logs.iter().map(indices).reduce(|a, b| &a & &b).unwrap_or_default();
    let keep = |log: &Log| Log {
        name: log.name.clone(),
        rows: log.rows.iter().filter(|row| shared.contains(&row.index)).cloned().collect(),
    };
    logs.iter().map(keep).collect()
}

fn difference(a: &Log, b: &Log) -> Option<String> {
    if a.rows.len() == b.rows.len() {
        let pair =
            a.rows.iter().zip(&b.rows).find(|(a, b)| (a.index, a.label) != (b.index, b.label));
        let (a, b) = pair?;
        if a.index == b.index {
            let index = a.index;
            let label =
                |row: &Row| row.label.map_or_else(|| "none".to_owned(), |label| label.to_string());
            return Some(format!("input {index} has label {} and {}", label(a), label(b)));
        }
    }
    let indices: HashSet<usize> = a.rows.iter().map(|row| row.index).collect();
    let others: HashSet<usize> = b.rows.iter().map(|row| row.index).collect();
    let mut alone: Vec<usize> = indices.symmetric_difference(&others).copied().collect();
    alone.sort_unstable();
    let (index, log) = (alone.first()?, if indices.contains(alone.first()?) { a } else { b });
    Some(format!(
        "they have {} and {} inputs, and index {index} is only in {}",
        a.rows.len(),
        b.rows.len(),
        log.name
    ))
}

fn mcnemar(only_first: usize, only_second: usize) -> f64 {
    let (fewer, all) = (only_first.min(only_second) as u64, (only_first + only_second) as u64);
    let tail = Binomial::new(0.5, all).map_or(1.0, |split| split.cdf(fewer));
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(name: &str, rows: &[(usize, usize, Option<usize>, f64)]) -> Log {
        let row = |&(index, label, predict, radius)| Row {
            index,
            label: Some(label),
            predict,
            radius,
            seconds: None,
            draws: None,
            routing: None,
        };
        Log { name: name.to_owned(), rows: rows.iter().map(row).collect() }
    }

    fn pair() -> [Log; 2] {
        [
            log("near", &[(0, 1, Some(1), 0.5), (1, 0, Some(0), 0.4), (2, 3, None, 0.0)]),
            log("far", &[(0, 1, Some(1), 1.5), (1, 0, Some(2), 2.0), (2, 3, Some(3), 0.1)]),
        ]
    }

    #[test]
    fn the_oracle_takes_the_largest_radius_that_is_right() {
        let logs = pair();
        let joint = Joint::new(&logs).unwrap();
        let steps: Vec<_> = joint.oracle().steps().collect();
        assert_eq!(steps, [(0.1, 1.0), (0.4, 2.0 / 3.0), (1.5, 1.0 / 3.0)]);
        let (best, count) = joint.envelope(0.0).unwrap();
        assert_eq!((best.name.as_str(), count), ("near", 2));
        assert_eq!(joint.envelope(1.0).map(|(log, n)| (log.name.as_str(), n)), Some(("far", 1)));
        let paired = joint.paired(0, 1, 0.3);
        assert_eq!((paired.only_first, paired.only_second), (1, 0));
        assert!((paired.p - 1.0).abs() < 1e-12);
    }

    #[test]
    fn mcnemar_is_the_exact_binomial_test() {
        // scipy.stats.binomtest(b, b + c, 0.5).pvalue, SciPy 1.17.1
        let fixtures = [(10, 2, 0.038_574_218_75), (5, 5, 1.0), (0, 8, 0.007_812_5)];
        for (b, c, p) in fixtures.into_iter().chain([(120, 80, 0.005_685_155_996_750_306)]) {
            assert!((mcnemar(b, c) - p).abs() < 1e-12, "{b} {c}: {}", mcnemar(b, c));
        }
        assert_eq!(mcnemar(0, 0), 1.0);
    }

    #[test]
    fn logs_of_other_inputs_are_told_apart() {
        let [near, far] = pair();
        let mut other = far.clone();
        other.rows[2].index = 7;
        let problem = |b: &Log| Joint::new(&[near.clone(), b.clone()]).unwrap_err().to_string();
        assert!(problem(&other).contains("index 2 is only in near"), "{}", problem(&other));
        other.rows.truncate(2);
        assert!(problem(&other).contains("3 and 2 inputs"), "{}", problem(&other));
        assert_eq!(common(&[near.clone(), other])[0].rows, near.rows[..2]);
        let mut other = far;
        other.rows[1].label = Some(9);
        assert!(problem(&other).contains("input 1 has label 0 and 9"), "{}", problem(&other));
    }
}
