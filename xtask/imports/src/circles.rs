//! Circles among modules of one parent.

use std::collections::{BTreeMap, BTreeSet};

use crate::uses::{Module, Uses};

/// A module's use of another, both with all that is below a child of one parent.
type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, (&'a Module, &'a Module)>>;

/// One circle for each group of modules that use each other.
pub(crate) fn among(uses: &Uses) -> Vec<String> {
    let parents: BTreeSet<&[String]> =
        uses.keys().filter_map(|module| module.split_last()).map(|(_, parent)| parent).collect();
    parents.into_iter().flat_map(|parent| below(parent, uses)).collect()
}

fn below(parent: &[String], uses: &Uses) -> Vec<String> {
    let child = |module: &'_ Module| {
        module
            .starts_with(parent)
            .then(|| module.get(parent.len()).map(String::as_str))
            .flatten()
            .map(str::to_owned)
    };
    let mut names = BTreeSet::new();
    for (from, to) in uses.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to))) {
        names.extend(child(from));
        names.extend(child(to));
    }
    let mut edges: Edges<'_> = BTreeMap::new();
    for (from, used) in uses {
        for to in used {
            let (Some(one), Some(other)) = (child(from), child(to)) else { continue };
            if let (true, Some(one), Some(other)) =
                (one != other, names.get(&one), names.get(&other))
            {
                edges.entry(one).or_default().entry(other).or_insert((from, to));
            }
        }
    }
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for start in edges.keys().copied().collect::<Vec<_>>() {
        let mut way = Vec::new();
        if let Some(circle) = walk(start, &edges, &mut way, &mut done) {
            found.push(told(&circle, &edges));
            // Whatever else hangs on these is the same knot.
            done.extend(circle);
        }
    }
    found
}

/// Goes along uses until one leads back.
fn walk<'a>(
    module: &'a str,
    edges: &Edges<'a>,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(place) = way.iter().position(|before| *before == module) {
        return Some(way[place..].to_vec());
    }
    if done.contains(module) {
        return None;
    }
    way.push(module);
    for next in edges.get(module).into_iter().flat_map(BTreeMap::keys) {
        if let Some(circle) = walk(next, edges, way, done) {
            return Some(circle);
        }
    }
    way.pop();
    done.insert(module);
    None
}

/// The circle, and a file for each step of it.
fn told(circle: &[&str], edges: &Edges<'_>) -> String {
    let path = |module: &Module| module.join("::");
    let steps: Vec<(&Module, &Module)> = circle
        .iter()
        .zip(circle.iter().cycle().skip(1))
        .filter_map(|(from, to)| edges.get(from)?.get(to).copied())
        .collect();
    let mut round: Vec<String> = steps.iter().map(|(from, _)| path(from)).collect();
    round.extend(round.first().cloned());
    let used: Vec<String> =
        steps.iter().map(|(from, to)| format!("{} uses {}", path(from), path(to))).collect();
    format!("{} ({})", round.join(" → "), used.join(", "))
}
