//! A share of the work, for several machines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of `of` shares: what leaves `index` when its place is divided by `of`.
///
/// Written I/N, I from 1 to N: `2/8` is the second of eight. Neighbours go to different
/// shards, so shards take about the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    index: usize,
    of: usize,
}

impl Shard {
    /// The share in place `index`, from 0; `None` if there are not so many.
    #[must_use]
    pub fn new(index: usize, of: usize) -> Option<Self> {
        (index < of).then_some(Self { index, of })
    }

    /// Its place, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.index
    }

    /// Number of shares.
    #[must_use]
    pub fn of(self) -> usize {
        self.of
    }

    /// Whether it has what stands in this place, from 0.
    #[must_use]
    pub fn has(self, place: usize) -> bool {
        place % self.of == self.index
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<(usize, usize)> =
            text.split_once('/').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        numbers.and_then(|(place, of)| Self::new(place.checked_sub(1)?, of)).ok_or_else(|| {
            format!("\"{text}\" found, expected I/N with I from 1 to N, such as 2/8")
        })
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_and_share_everything_out() {
        for bad in ["", "3", "0/3", "4/3", "1/0", "-1/2", "1/2/3", "a/b"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
        let shards: Vec<Shard> =
            (1..=3).map(|index| format!("{index}/3").parse().unwrap()).collect();
        for place in 0..20 {
            let owners: Vec<_> = shards.iter().filter(|shard| shard.has(place)).collect();
            assert_eq!(owners.len(), 1, "{place}");
        }
        assert_eq!(shards[1].to_string(), "2/3");
        assert_eq!((shards[0].index(), shards[0].of()), (0, 3));
    }
}
