//! Vote counts: the only thing that passes from sampling to statistics.

use serde::{Deserialize, Serialize};

/// How often each class won among some noisy copies of one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct VoteCounts(Vec<u64>);

impl VoteCounts {
    /// Counts per class, in class order.
    ///
    /// # Errors
    /// If there is no class.
    pub fn new(counts: Vec<u64>) -> Result<Self, NoClass> {
        if counts.is_empty() { Err(NoClass) } else { Ok(Self(counts)) }
    }

    /// Counts per class.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.0
    }

    /// The count of one class; zero for a class that does not exist.
    #[must_use]
    pub fn of(&self, class: usize) -> u64 {
        self.0.get(class).copied().unwrap_or(0)
    }

    /// The number of draws; that of counts from elsewhere may be `u64::MAX` or more.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().copied().fold(0, u64::saturating_add)
    }

    /// The votes since `earlier` ones over the same classes; `None` if a count has fallen.
    pub(crate) fn since(&self, earlier: &Self) -> Option<Self> {
        let pairs = self.0.iter().zip(&earlier.0);
        let counts = pairs.map(|(now, then)| now.checked_sub(*then)).collect::<Option<_>>()?;
        (self.0.len() == earlier.0.len()).then_some(Self(counts))
    }

    /// Adds further votes over the same classes.
    pub fn add(&mut self, more: &Self) {
        self.0.iter_mut().zip(&more.0).for_each(|(count, more)| *count += more);
    }

    /// The most frequent class; ties go to the lowest index, as everywhere.
    #[must_use]
    pub fn top(&self) -> usize {
        self.order().first().copied().unwrap_or(0)
    }

    /// All classes, most frequent first; ties by index.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by_key(|&class| (std::cmp::Reverse(self.0[class]), class));
        order
    }
}

impl TryFrom<Vec<u64>> for VoteCounts {
    type Error = NoClass;
    fn try_from(counts: Vec<u64>) -> Result<Self, NoClass> {
        Self::new(counts)
    }
}

impl From<VoteCounts> for Vec<u64> {
    fn from(votes: VoteCounts) -> Self {
        votes.0
    }
}

/// Votes over no class at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("votes need at least one class")]
pub struct NoClass;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lowest_index() {
        let votes = VoteCounts::new(vec![3, 5, 5, 0]).unwrap();
        assert_eq!((votes.top(), votes.total(), votes.of(9)), (1, 13, 0));
        assert_eq!(votes.order(), [1, 2, 0, 3]);
        assert!(VoteCounts::new(vec![]).is_err());
        assert!(serde_json::from_str::<VoteCounts>("[]").is_err());
    }

    #[test]
    fn votes_since_a_look_are_its_difference_or_none() {
        let votes = |counts: &[u64]| VoteCounts::new(counts.to_vec()).unwrap();
        assert_eq!(votes(&[3, 5]).since(&votes(&[1, 5])), Some(votes(&[2, 0])));
        assert_eq!(votes(&[3, 5]).since(&votes(&[4, 1])), None);
        assert_eq!(votes(&[3, 5]).since(&votes(&[3])), None);
        assert_eq!(votes(&[u64::MAX, 5]).total(), u64::MAX);
    }
}
