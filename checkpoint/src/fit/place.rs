//! Where a layer stands that has a mean and a deviation: before the network, or elsewhere.
//!
//! The numbers themselves do not tell. Taken for the normalisation of the inputs wrongly, they
//! would change every answer, and the certificate would be of another model.

use super::Needs;

/// Where a layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// What it does comes first.
    Before,
    /// In a sequence after the network.
    Behind,
    /// Nothing tells.
    Elsewhere,
}

/// What a module that prepares inputs is called, in part.
const WORDS: [&str; 4] = ["norm", "preproc", "transform", "standard"];

/// Where a layer at `place` stands, for the network under `prefix`.
pub(super) fn stands(place: &str, prefix: &str, needs: Needs<'_>) -> Stands {
    let depth = shared(place, prefix);
    let modules = |path: &str| -> Vec<String> {
        path.split_terminator('.').skip(depth).map(str::to_owned).collect()
    };
    let (own, network) = (modules(place), modules(prefix));
    // The network's own module, or a wrapper around it, keeps the numbers.
    let Some(first) = own.first() else { return Stands::Before };
    let number = |module: Option<&String>| module?.parse::<usize>().ok();
    match (number(Some(first)), number(network.first())) {
        (Some(layer), Some(network)) if layer < network => return Stands::Before,
        (Some(_), Some(_)) => return Stands::Behind,
        _ => {}
    }
    // A part of the network has tensors of the network's.
    let inside = place.strip_prefix(prefix).unwrap_or_default();
    if !inside.is_empty() && needs.tensors.iter().any(|(name, _)| name.starts_with(inside)) {
        return Stands::Elsewhere;
    }
    // A module that is called so, or a sequence in it.
    let mut named = own.iter().filter(|module| number(Some(module)).is_none()).peekable();
    let is_front = named.peek().is_some() && named.all(|module| prepares(module));
    if is_front { Stands::Before } else { Stands::Elsewhere }
}

fn prepares(module: &str) -> bool {
    let module = module.to_lowercase();
    let is_network = module.contains("transformer");
    !is_network && WORDS.iter().any(|word| module.contains(word))
}

/// How many names of modules two places have in common, from the start.
pub(super) fn shared(a: &str, b: &str) -> usize {
    a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b && !a.is_empty()).count()
}
