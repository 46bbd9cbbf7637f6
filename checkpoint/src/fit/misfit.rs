//! What is said of a file where the network is nowhere.

use std::collections::BTreeMap;

use crate::error::shown;
use crate::{Checkpoint, StateDict, Tensor};

use super::Needs;
use super::candidate::{misshapen, prefixes};

/// How many names are listed.
const LISTED: usize = 3;

/// The nearest place in the file beside what is needed.
pub(super) fn describe(checkpoint: &Checkpoint, needs: Needs<'_>, weights: Option<&str>) -> String {
    let all = checkpoint.sets.iter();
    let whole = all.clone().filter_map(|set| Some((set, set.tensors.as_ref().ok()?)));
    let named = whole.clone().filter(|(set, _)| weights.is_some_and(|key| key == set.key));
    let sets: Vec<_> =
        if named.clone().next().is_some() { named.collect() } else { whole.collect() };
    let mut best: Option<(&StateDict, &BTreeMap<String, Tensor>, &str, usize)> = None;
    for (set, tensors) in sets {
        let counts = prefixes(tensors, needs);
        // The shortest of equal ones: wrappers come before parts of the network.
        let nearest = counts.iter().max_by_key(|(prefix, n)| (**n, usize::MAX - prefix.len()));
        let (prefix, count) = nearest.map_or(("", 0), |(prefix, count)| (*prefix, *count));
        if best.is_none_or(|(_, _, _, most)| count > most) {
            best = Some((set, tensors, prefix, count));
        }
    }
    let network = needs.network;
    let Some((set, tensors, prefix, count)) = best else {
        return format!("no weights for {network}");
    };
    let needed = needs.tensors.len();
    let place = if set.key.is_empty() { String::new() } else { format!("'{}': ", set.key) };
    if count == needed
        && let [first, others @ ..] = misshapen(tensors, prefix, needs).as_slice()
    {
        let more = match others.len() {
            0 => String::new(),
            more => format!(", and {more} more have another shape"),
        };
        return format!(
            "{place}{first}{more}; the names are those of {network} (is arch the right one of its kind?)"
        );
    }
    let missing: Vec<&str> = needs
        .tensors
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !tensors.contains_key(&format!("{prefix}{name}")))
        .collect();
    let first = missing.first().copied().unwrap_or_default();
    let more = match missing.len() {
        0 | 1 => String::new(),
        more => format!(" and {} more are", more - 1),
    };
    let is = if more.is_empty() { " is" } else { "" };
    let under = if prefix.is_empty() || count == 0 {
        String::new()
    } else {
        format!(" under {}", shown(prefix))
    };
    // Those that come first among names in order, on both sides, so that they can be compared.
    let mut expected: Vec<&str> = needs.tensors.iter().map(|(name, _)| name.as_str()).collect();
    expected.sort_unstable();
    let found = tensors.keys().map(String::as_str).filter(|name| !name.ends_with(COUNTER));
    format!(
        "{place}tensor {first}{is}{more} missing: of the {needed} tensors of {network}, {count} are in the file{under}, which has {} tensors; it begins with {}, expected {} (is arch the architecture of this checkpoint? A network of your own comes as TorchScript (plugin = \"torch\", kind = \"torchscript\") or ONNX (plugin = \"onnx\"), which bring their own architecture)",
        tensors.len(),
        listed(found),
        listed(expected.into_iter())
    )
}

/// A count that says nothing of a network.
const COUNTER: &str = "num_batches_tracked";

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.take(LISTED).map(shown).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
