//! Which inputs of a data set to take.

/// Index i is taken if i ≥ `start` and (i − `start`) is a multiple of `skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subset {
    /// First index.
    pub start: usize,
    /// Step; 0 counts as 1.
    pub skip: usize,
    /// At most this many.
    pub max: Option<usize>,
}

impl Subset {
    /// The indices taken of a data set with `len` inputs, rising.
    pub fn indices(self, len: usize) -> impl Iterator<Item = usize> + Send {
        let taken = (self.start..len).step_by(self.skip.max(1));
        taken.take(self.max.unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_follow_their_definition() {
        for start in 0..7 {
            for skip in 1..5 {
                for max in [None, Some(0), Some(2), Some(100)] {
                    let by_definition: Vec<usize> = (0..20)
                        .filter(|i| *i >= start && (i - start) % skip == 0)
                        .take(max.unwrap_or(usize::MAX))
                        .collect();
                    let subset = Subset { start, skip, max };
                    assert_eq!(subset.indices(20).collect::<Vec<_>>(), by_definition);
                }
            }
        }
        assert_eq!(Subset { start: 30, skip: 1, max: None }.indices(20).count(), 0);
    }
}
