//! What is in a set of weights besides the network.

use std::collections::HashSet;

use crate::Tensor;
use crate::error::shown;

use super::aside::is_aside;
use super::candidate::Candidate;
use super::{Needs, front};

/// Numbers that wrappers and training keep, of one element each: none changes an answer.
const COUNTERS: [&str; 8] = [
    "num_batches_tracked",
    "n_averaged",
    "num_updates",
    "decay",
    "step",
    "steps",
    "initted",
    "global_step",
];

/// Refuses what may belong before or behind the network, and says what was set aside.
pub(super) fn check(
    chosen: &Candidate<'_>,
    found: &[Candidate<'_>],
    needs: Needs<'_>,
    weights: Option<&str>,
) -> Result<Option<String>, String> {
    let mut used: HashSet<String> = HashSet::new();
    let places = found.iter().filter(|other| other.key == chosen.key);
    let prefixes: Vec<&str> = places.map(|other| other.prefix).collect();
    for prefix in &prefixes {
        used.extend(needs.tensors.iter().map(|(name, _)| format!("{prefix}{name}")));
    }
    used.extend(front::names(chosen.all, &prefixes, needs));
    let rest = chosen.all.iter().filter(|(name, _)| !used.contains(*name));
    let rest: Vec<&str> = rest
        .filter(|(name, tensor)| !is_counter(name, tensor))
        .map(|(name, _)| name.as_str())
        .collect();
    let (aside, odd): (Vec<&str>, Vec<&str>) = rest.iter().partition(|name| is_aside(name));
    // Whoever names the module knows that there are others.
    let prefix = chosen.prefix.trim_end_matches('.');
    let told = weights.map(|weights| weights.trim_end_matches('.')).is_some_and(|weights| {
        let by_prefix = weights == prefix && weights != chosen.key;
        !prefix.is_empty() && (by_prefix || weights == chosen.name())
    });
    let is_inside = |name: &&str| name.starts_with(chosen.prefix);
    if let Some(first) = odd.iter().find(|name| !told || is_inside(name)) {
        let network = needs.network;
        let others = more(odd.len() - 1);
        let inside = if is_inside(first) {
            "is arch the architecture of this checkpoint? A network of another kind comes as TorchScript or ONNX, which bring their own architecture".to_owned()
        } else {
            format!(
                "they may stand before or behind the network, which is under {}; if they take no part in its answers, write weights = \"{}\" into the config",
                chosen.prefix,
                chosen.name()
            )
        };
        return Err(format!(
            "tensor {}{others} found, which {network} does not have ({inside})",
            shown(first)
        ));
    }
    let aside: Vec<&str> = aside.into_iter().chain(odd).collect();
    Ok(aside.first().map(|first| {
        format!(
            "{}{} found beside the network under \"{}\", and not used",
            shown(first),
            more(aside.len() - 1),
            chosen.name()
        )
    }))
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}

fn is_counter(name: &str, tensor: &Tensor) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    COUNTERS.contains(&last) && tensor.shape().iter().all(|size| *size == 1)
}
