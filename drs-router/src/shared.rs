//! A router that is a second answer of an expert's model.
//!
//! The classes of such a model are pairs of an expert and a class, `expert/class`, in the
//! order of the experts, and for each expert in the order of the classes. A vote for a pair
//! is two votes: the router's for the expert, and the expert's for the class. Both come from
//! one forward pass on one noisy copy. Each of the two counts is binomial with its own
//! probability. The bounds are joined by a union bound, which needs no independence.

use drs_core::votes::VoteCounts;

/// The plain classes of a model that answers with pairs.
///
/// # Errors
/// If these are not all pairs with `experts`, in order; the message says what was found.
pub(crate) fn classes(pairs: &[String], experts: &[&str]) -> Result<Vec<String>, String> {
    let expected = || {
        format!(
            "classes {} found, expected EXPERT/CLASS for each of the experts {} and each class, as `drs train join` makes them",
            pairs.join(", "),
            experts.join(", ")
        )
    };
    if pairs.is_empty() || !pairs.len().is_multiple_of(experts.len()) {
        return Err(expected());
    }
    let classes = pairs.len() / experts.len();
    let plain = |pair: &String, expert: &str| {
        pair.strip_prefix(expert).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned)
    };
    let mut blocks = pairs.chunks(classes).zip(experts).map(|(block, expert)| {
        block.iter().map(|pair| plain(pair, expert)).collect::<Option<Vec<String>>>()
    });
    let first = blocks.next().flatten().ok_or_else(expected)?;
    if blocks.all(|block| block.as_ref() == Some(&first)) { Ok(first) } else { Err(expected()) }
}

/// The router's part of votes for pairs.
pub(crate) fn routes(pairs: &VoteCounts, experts: usize) -> VoteCounts {
    let classes = pairs.counts().len() / experts;
    counts(pairs.counts().chunks(classes).map(|block| block.iter().sum()).collect())
}

/// The expert's part of votes for pairs.
pub(crate) fn answers(pairs: &VoteCounts, experts: usize) -> VoteCounts {
    let classes = pairs.counts().len() / experts;
    let of = |class: usize| pairs.counts().iter().skip(class).step_by(classes).sum();
    counts((0..classes).map(of).collect())
}

fn counts(counts: Vec<u64>) -> VoteCounts {
    VoteCounts::new(counts).unwrap_or_else(|_| unreachable!("the model has classes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn pairs_come_apart() {
        let pairs = VoteCounts::new(vec![1, 2, 3, 10, 20, 30]).unwrap();
        assert_eq!(routes(&pairs, 2).counts(), [6, 60]);
        assert_eq!(answers(&pairs, 2).counts(), [11, 22, 33]);
    }

    #[test]
    fn only_all_pairs_in_order_will_do() {
        let experts = ["near", "far"];
        let good = names(&["near/cat", "near/a/b", "far/cat", "far/a/b"]);
        assert_eq!(classes(&good, &experts).unwrap(), ["cat", "a/b"]);
        for bad in [
            names(&["far/cat", "far/dog", "near/cat", "near/dog"]),
            names(&["near/cat", "near/dog", "far/dog", "far/cat"]),
            names(&["near/cat", "near/dog", "far/cat"]),
            names(&["cat", "dog"]),
            names(&[]),
        ] {
            assert!(classes(&bad, &experts).unwrap_err().contains("EXPERT/CLASS"), "{bad:?}");
        }
    }
}
