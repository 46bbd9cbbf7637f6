//! Places in a file where a whole network is.

use std::collections::{BTreeMap, HashSet};

use crate::error::shown;
use crate::{Checkpoint, Tensor};

use super::Needs;
use super::front::{self, Front};

/// One set of weights under one prefix, with every tensor that the network needs.
pub(super) struct Candidate<'a> {
    /// The key of the set.
    pub(super) key: &'a str,
    /// All of the set.
    pub(super) all: &'a BTreeMap<String, Tensor>,
    /// Empty, or names of wrappers with a dot at the end.
    pub(super) prefix: &'a str,
    /// What stands before it, or what is wrong with that.
    pub(super) front: Result<Front, String>,
}

impl<'a> Candidate<'a> {
    /// The network's names with their tensors.
    pub(super) fn tensors<'n>(
        &self,
        needs: Needs<'n>,
    ) -> impl Iterator<Item = (&'n str, &'a Tensor)> + use<'n, 'a> {
        let (all, prefix) = (self.all, self.prefix);
        needs.tensors.iter().filter_map(move |(name, _)| {
            Some((name.as_str(), all.get(&format!("{prefix}{name}"))?))
        })
    }

    /// What the key `weights` calls it.
    pub(super) fn name(&self) -> String {
        let prefix = shown(self.prefix.trim_end_matches('.'));
        match (self.key.is_empty(), prefix.is_empty()) {
            (_, true) => self.key.to_owned(),
            (true, false) => prefix,
            (false, false) => format!("{}.{prefix}", self.key),
        }
    }

    /// Whether both are the same network, with the same before it.
    fn equals(&self, other: &Self, needs: Needs<'_>) -> bool {
        let fronts = (self.front.as_ref(), other.front.as_ref());
        let same_front = matches!(fronts, (Ok(a), Ok(b)) if a.does_as(b));
        same_front && self.tensors(needs).eq(other.tensors(needs))
    }
}

/// All of them, in the order of the sets; of equal ones in a set the one with the shortest
/// prefix is first.
pub(super) fn all<'a>(checkpoint: &'a Checkpoint, needs: Needs<'_>) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for set in &checkpoint.sets {
        let Ok(all) = &set.tensors else { continue };
        let counts = prefixes(all, needs);
        let whole = counts.iter().filter(|(_, count)| **count == needs.tensors.len());
        let mut whole: Vec<&str> = whole.map(|(prefix, _)| *prefix).collect();
        whole.retain(|prefix| misshapen(all, prefix, needs).is_empty());
        whole.sort_by_key(|prefix| prefix.len());
        let fronts = front::find(all, &whole, needs);
        let places = whole.iter().zip(fronts);
        found.extend(places.map(|(prefix, front)| Candidate { key: &set.key, all, prefix, front }));
    }
    found
}

/// Without those that are the same as an earlier one: a module that is there under two names.
pub(super) fn distinct<'c, 'a>(
    candidates: &[&'c Candidate<'a>],
    needs: Needs<'_>,
) -> Vec<&'c Candidate<'a>> {
    let mut distinct: Vec<&Candidate<'a>> = Vec::new();
    for &candidate in candidates {
        if distinct.iter().all(|known| !known.equals(candidate, needs)) {
            distinct.push(candidate);
        }
    }
    distinct
}

/// How many of the network's names are there under each prefix.
pub(super) fn prefixes<'a>(
    all: &'a BTreeMap<String, Tensor>,
    needs: Needs<'_>,
) -> BTreeMap<&'a str, usize> {
    let wanted: HashSet<&str> = needs.tensors.iter().map(|(name, _)| name.as_str()).collect();
    let longest = wanted.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut counts = BTreeMap::new();
    for name in all.keys() {
        let dots = name.rmatch_indices('.').map(|(dot, _)| dot + 1);
        let starts = dots.chain([0]).take_while(|start| name.len() - start <= longest);
        for start in starts {
            let (prefix, rest) = name.split_at(start);
            if wanted.contains(rest) {
                *counts.entry(prefix).or_default() += 1;
            }
        }
    }
    counts
}

/// Tensors whose shape is another one, in words.
pub(super) fn misshapen(
    all: &BTreeMap<String, Tensor>,
    prefix: &str,
    needs: Needs<'_>,
) -> Vec<String> {
    let mut classes = None;
    let mut problems = Vec::new();
    for (name, shape) in needs.tensors {
        let name = format!("{prefix}{name}");
        let Some(found) = all.get(&name).map(Tensor::shape) else { continue };
        // The first tensor that has one for each class tells how many there are.
        if found.len() == shape.len() {
            let places = shape.iter().zip(found);
            let told = places.filter(|(size, _)| size.is_none()).map(|(_, found)| *found).next();
            classes = classes.or(told);
        }
        let fits = found.len() == shape.len()
            && shape.iter().zip(found).all(|(size, found)| size.or(classes) == Some(*found));
        if !fits {
            let expected: Vec<String> = shape
                .iter()
                .map(|size| size.or(classes).map_or("classes".to_owned(), |size| size.to_string()))
                .collect();
            let name = shown(&name);
            problems.push(format!(
                "tensor {name} has shape {found:?}, expected [{}]",
                expected.join(", ")
            ));
        }
    }
    problems
}
