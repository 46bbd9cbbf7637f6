//! Votes that were drawn, as data: what is kept of an input that was not finished.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The votes on consecutive draws of one stage of one input.
///
/// Draws are addressed, so votes may be counted once and used whenever the same draws are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub struct Run {
    first: u64,
    end: u64,
    votes: Vec<(usize, u64)>,
}

/// The same, before it is checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    /// The first draw.
    first: u64,
    /// The one after the last.
    end: u64,
    /// Classes that have votes, rising, and how many.
    votes: Vec<(usize, u64)>,
}

impl Run {
    /// The votes per class on draws from `first` on; `None` if there is no vote.
    pub(crate) fn new(first: u64, counts: &[u64]) -> Option<Self> {
        let votes = counts.iter().copied().enumerate().filter(|(_, count)| *count > 0);
        let plain =
            Plain { first, end: first + counts.iter().sum::<u64>(), votes: votes.collect() };
        plain.try_into().ok()
    }

    /// The draws.
    #[must_use]
    pub fn draws(&self) -> Range<u64> {
        self.first..self.end
    }

    /// Votes per class; `None` if there is one for a class beyond `classes`.
    pub(crate) fn counts(&self, classes: usize) -> Option<Vec<u64>> {
        let mut counts = vec![0; classes];
        for &(class, count) in &self.votes {
            *counts.get_mut(class)? = count;
        }
        Some(counts)
    }
}

impl TryFrom<Plain> for Run {
    type Error = String;

    fn try_from(plain: Plain) -> Result<Self, String> {
        let Plain { first, end, votes } = plain;
        let rising = votes.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let sum = votes.iter().try_fold(0, |sum: u64, (_, count)| sum.checked_add(*count));
        let none = votes.iter().any(|(_, count)| *count == 0);
        if first >= end || !rising || none || sum != Some(end - first) {
            return Err(format!(
                "draws {first} to {end}: expected one vote for each, by rising classes"
            ));
        }
        Ok(Self { first, end, votes })
    }
}

impl From<Run> for Plain {
    fn from(run: Run) -> Self {
        let Run { first, end, votes } = run;
        Self { first, end, votes }
    }
}

/// The votes that were drawn of one input: by the address of the stage
/// ([`drs_core::pool::Pool::address`]), runs of draws, rising, that do not overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Vec<Run>>")]
pub struct Drawn(BTreeMap<String, Vec<Run>>);

impl Drawn {
    /// The number of votes.
    #[must_use]
    pub fn draws(&self) -> u64 {
        self.0.values().flatten().map(|run| run.end - run.first).sum()
    }

    /// The runs of a stage.
    pub(crate) fn stage(&self, address: &str) -> &[Run] {
        self.0.get(address).map_or(&[], Vec::as_slice)
    }

    /// All stages with their runs.
    pub(crate) fn stages(&self) -> impl Iterator<Item = (&str, &[Run])> {
        self.0.iter().map(|(address, runs)| (address.as_str(), runs.as_slice()))
    }

    /// Adds a run; one that overlaps another says nothing new of the draws in both, and is left out.
    pub(crate) fn add(&mut self, address: &str, run: Run) {
        let runs = self.0.entry(address.to_owned()).or_default();
        let place = runs.partition_point(|other| other.first < run.first);
        let before = place.checked_sub(1).is_none_or(|before| runs[before].end <= run.first);
        if before && runs.get(place).is_none_or(|after| run.end <= after.first) {
            runs.insert(place, run);
        }
    }
}

impl TryFrom<BTreeMap<String, Vec<Run>>> for Drawn {
    type Error = String;

    fn try_from(stages: BTreeMap<String, Vec<Run>>) -> Result<Self, String> {
        for (address, runs) in &stages {
            if let Some(pair) = runs.windows(2).find(|pair| pair[0].end > pair[1].first) {
                return Err(format!(
                    "{address}: draws from {} behind those up to {}",
                    pair[1].first, pair[0].end
                ));
            }
        }
        Ok(Self(stages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_as_they_are_written_and_no_other() {
        let run = Run::new(10, &[0, 3, 0, 1]).unwrap();
        let text = r#"{"first":10,"end":14,"votes":[[1,3],[3,1]]}"#;
        assert_eq!(serde_json::to_string(&run).unwrap(), text);
        assert_eq!(serde_json::from_str::<Run>(text).unwrap(), run);
        assert_eq!((run.counts(4), run.counts(3)), (Some(vec![0, 3, 0, 1]), None));
        assert!(Run::new(10, &[0, 0]).is_none());
        for (from, to) in [
            ("14", "15"),
            ("14", "13"),
            ("\"first\":10", "\"first\":14"),
            ("[1,3],[3,1]", "[3,1],[1,3]"),
            ("[1,3],[3,1]", "[1,3],[1,1]"),
            ("[1,3],[3,1]", "[1,4],[3,0]"),
            ("[1,3],[3,1]", "[1,18446744073709551615],[3,5]"),
            ("\"votes\"", "\"more\""),
        ] {
            assert!(serde_json::from_str::<Run>(&text.replace(from, to)).is_err(), "{from} {to}");
        }
    }

    #[test]
    fn a_draw_is_counted_once() {
        let mut drawn = Drawn::default();
        for (first, count) in [(10, 5), (0, 5), (12, 1), (4, 3), (14, 9), (15, 2), (5, 5)] {
            drawn.add("a", Run::new(first, &[count]).unwrap());
        }
        let runs: Vec<_> = drawn.stage("a").iter().map(Run::draws).collect();
        assert_eq!(runs, [0..5, 5..10, 10..15, 15..17]);
        assert_eq!((drawn.draws(), drawn.stage("b").len()), (17, 0));
        let text = serde_json::to_string(&drawn).unwrap();
        assert_eq!(serde_json::from_str::<Drawn>(&text).unwrap(), drawn);
        let overlapping =
            text.replacen("\"end\":5,\"votes\":[[0,5]]", "\"end\":6,\"votes\":[[0,6]]", 1);
        assert!(text != overlapping && serde_json::from_str::<Drawn>(&overlapping).is_err());
    }
}
