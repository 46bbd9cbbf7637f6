//! Several logs of the same inputs.

use std::collections::HashSet;

use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF as _};

use crate::curve::Curve;
use crate::decided::Decided;
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

/// The best single log at a radius.
#[derive(Debug, Clone, PartialEq)]
pub struct Best<'a> {
    /// The log; of equals the first.
    pub log: &'a Log,
    /// Other logs that certify as many.
    pub equals: Vec<&'a Log>,
    /// Inputs that it certifies.
    pub count: usize,
    /// The most that any of the logs might certify with all draws.
    pub most: usize,
    /// Whether it would be the best with all draws, too.
    pub is_decided: bool,
}

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

    /// The best single log at a radius.
    #[must_use]
    pub fn envelope(&self, radius: f64) -> Option<Best<'a>> {
        let counts = self.0.iter().map(|log| {
            let curve = Curve::of(log);
            (log, curve.count(radius), curve.most(radius))
        });
        let counts: Vec<_> = counts.collect();
        let best = |best: usize, next: usize| {
            if counts[next].1 > counts[best].1 { next } else { best }
        };
        let place = (0..counts.len()).reduce(best)?;
        let (log, count, _) = counts[place];
        let equals = counts[place + 1..].iter().filter(|other| other.1 == count);
        let equals = equals.map(|other| other.0).collect();
        let most = counts.iter().map(|count| count.2).max().unwrap_or(count);
        let mut rivals = counts.iter().enumerate().filter(|(rival, _)| *rival != place);
        let is_decided = rivals.all(|(_, rival)| rival.2 <= count);
        Some(Best { log, equals, count, most, is_decided })
    }

    /// What a router that always knew the log with the largest radius on the
    /// true class would certify: no routing among these logs can be better.
    #[must_use]
    pub fn oracle(&self) -> Curve {
        let all: Vec<usize> = (0..self.0.len()).collect();
        self.oracle_of(&all)
    }

    /// The same for some of the logs, by place.
    pub(crate) fn oracle_of(&self, members: &[usize]) -> Curve {
        let inputs = self.0.first().map_or(0, |log| log.rows.len());
        let logs = || members.iter().map(|&member| &self.0[member]);
        let best = |side: fn(&Log, &Row) -> Option<f64>| {
            let best =
                |input| logs().filter_map(|log| side(log, &log.rows[input])).reduce(f64::max);
            (0..inputs).filter_map(best).filter(|&radius| radius >= 0.0).collect()
        };
        let own = best(|_, row| row.correct().then_some(row.radius));
        let most = best(Log::most);
        let decided = logs().fold(Decided::Everywhere, |all, log| all.and(log.decided.clone()));
        Curve::between(own, most, inputs, decided.radii())
    }

    /// Compares two of the logs, by place, at a radius; `None` if draws stopped before it
    /// was decided in both which inputs are certified there.
    #[must_use]
    pub fn paired(&self, first: usize, second: usize, radius: f64) -> Option<Paired> {
        let (mut only_first, mut only_second) = (0, 0);
        let (a, b) = (&self.0[first], &self.0[second]);
        let is_open = |log: &Log| log.rows.iter().any(|row| log.is_open(row, radius));
        if is_open(a) || is_open(b) {
            return None;
        }
        for (a, b) in a.rows.iter().zip(&b.rows) {
            match (a.certified(radius), b.certified(radius)) {
                (true, false) => only_first += 1,
                (false, true) => only_second += 1,
                _ => {}
            }
        }
        Some(Paired { only_first, only_second, p: mcnemar(only_first, only_second) })
    }
}

/// The rows of each log whose index all logs have.
#[must_use]
pub fn common(logs: &[Log]) -> Vec<Log> {
    let indices = |log: &Log| log.rows.iter().map(|row| row.index).collect::<HashSet<_>>();
    let shared = logs.iter().map(indices).reduce(|a, b| &a & &b).unwrap_or_default();
    let keep = |log: &Log| Log {
        rows: log.rows.iter().filter(|row| shared.contains(&row.index)).cloned().collect(),
        ..log.clone()
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
    use crate::decided::Stopped;
    use drs_core::sampling::Stopping;

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
        Log::exact(name, rows.iter().map(row).collect())
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
        let best = |radius| joint.envelope(radius).map(|best| (best.log.name.as_str(), best.count));
        assert_eq!((best(0.0), best(1.0)), (Some(("near", 2)), Some(("far", 1))));
        let paired = joint.paired(0, 1, 0.3).unwrap();
        assert_eq!((paired.only_first, paired.only_second), (1, 0));
        assert!((paired.p - 1.0).abs() < 1e-12);
    }

    #[test]
    fn where_draws_stopped_too_early_nothing_is_compared() {
        let mut logs = pair();
        logs[0].decided = Decided::Stopped(vec![Stopped {
            rule: Stopping::Radii(vec![0.0, 1.0]),
            ceiling: f64::INFINITY,
        }]);
        let joint = Joint::new(&logs).unwrap();
        assert!(joint.paired(0, 1, 0.0).is_some() && joint.paired(0, 1, 1.0).is_some());
        assert_eq!(joint.paired(0, 1, 0.6), None, "both of near's answers are open there");
        assert!(joint.paired(0, 1, 0.4).is_some(), "both of near's answers count there already");
        let oracle = joint.oracle();
        assert_eq!((oracle.count(0.6), oracle.most(0.6), oracle.most(1.0)), (1, 2, 1));
        // At 0.6 far has one and near none, but near may have two.
        let best = joint.envelope(0.6).unwrap();
        assert_eq!((best.log.name.as_str(), best.count, best.most), ("far", 1, 2));
        assert!(!best.is_decided && joint.envelope(0.0).unwrap().is_decided);
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
