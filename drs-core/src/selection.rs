//! How many draws choose the class, or the expert, that a stage is about.
//!
//! **Why any rule is valid.** Selection draws choose what is claimed, and nothing else. The bounds
//! rest on the estimation draws, which are others: given whatever the selection draws chose, each
//! bound is wrong with no more than its probability. So it does not matter how many selection
//! draws there are, nor why they ended. A worse choice costs radius, or abstains; it makes no
//! certificate wrong.
//!
//! Where more than the first place matters (the router's order, from which sets are made; experts
//! that `blend` compares), all N0 draws are taken anyway.

use serde::{Deserialize, Serialize};

use crate::votes::VoteCounts;

/// How the selection draws of a stage are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// All N0, as published.
    #[default]
    All,
    /// Until one class is clearly ahead, at most N0.
    Clear,
}

/// No look before this many draws.
const FIRST: u64 = 10;
/// A class is clearly ahead where its lead over the second is so many standard deviations of
/// votes that are tied between the two.
const DEVIATIONS: u64 = 3;

impl Selection {
    /// The looks of at most `n0` draws, the last at `n0`.
    #[must_use]
    pub fn looks(self, n0: u64) -> Vec<u64> {
        let earlier = std::iter::successors(Some(FIRST), |draws| Some(draws + draws / 2));
        let mut looks: Vec<u64> = match self {
            Self::All => Vec::new(),
            Self::Clear => earlier.take_while(|&draws| draws < n0).collect(),
        };
        looks.push(n0);
        looks
    }

    /// Whether more draws would hardly put another class first.
    #[must_use]
    pub fn settled(self, votes: &VoteCounts) -> bool {
        let [top, second] =
            [0, 1].map(|place| votes.order().get(place).map_or(0, |&class| votes.of(class)));
        // Tied votes have a variance of top + second.
        let variance = top.saturating_add(second);
        let needed = DEVIATIONS.pow(2).saturating_mul(variance);
        self == Self::Clear && (top - second).saturating_pow(2) >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(counts: &[u64]) -> bool {
        Selection::Clear.settled(&VoteCounts::new(counts.to_vec()).unwrap())
    }

    #[test]
    fn looks_grow_up_to_n0() {
        assert_eq!(Selection::Clear.looks(100), [10, 15, 22, 33, 49, 73, 100]);
        assert_eq!(Selection::Clear.looks(10), [10]);
        assert_eq!(Selection::Clear.looks(1), [1]);
        assert_eq!(Selection::All.looks(100), [100]);
    }

    #[test]
    fn a_clear_lead_settles_the_choice() {
        assert!(settled(&[10, 0, 0]) && settled(&[0, 0, 10]));
        assert!(!settled(&[9, 1]), "a lead of 8, three deviations are 9.5");
        assert!(settled(&[20, 2]) && !settled(&[60, 40]));
        assert!(settled(&[14, 1, 1]) && !settled(&[14, 1, 5]), "the lead is over the second");
        assert!(!settled(&[8, 0, 0]), "eight votes are few");
        assert!(settled(&[9]), "one class alone");
        let all = VoteCounts::new(vec![100, 0]).unwrap();
        assert!(!Selection::All.settled(&all));
    }
}
