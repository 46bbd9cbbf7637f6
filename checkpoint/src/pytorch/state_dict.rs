//! Which of the pickle's values are state dicts.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::error::shown;
use crate::pickle::{Heap, Id, TensorRef, Value};
use crate::{Checkpoint, StateDict};

use super::rebuild;

/// Where checkpoints keep their state dict, in the order of preference.
const KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// How deep dicts inside dicts are looked into.
const DEPTH: usize = 3;

/// No checkpoint has more dicts than this outside its optimiser.
const DICTS: usize = 1 << 16;

/// More dicts of tensors than this are no sets of weights.
const MOST: usize = 64;

/// The checkpoint, with the data of storages taken from `storage`.
pub(super) fn read<'a>(
    heap: &Heap<'_>,
    root: Id,
    mut budget: u64,
    mut storage: impl FnMut(&str) -> Result<Cow<'a, [u8]>, String>,
) -> Result<Checkpoint, String> {
    let value = heap.get(root);
    let (found, lists) = find(heap, root);
    if found.is_empty() {
        return Err(format!(
            "it holds no state dict but {}, expected a dict of tensors, or a dict with one under 'state_dict', 'model_state_dict', 'model', 'net', 'state_dict_ema' or another key",
            heap.describe(value)
        ));
    }
    if found.len() > MOST {
        return Err(format!(
            "it holds {} dicts of tensors, expected at most {MOST}: load it in Python and save the state dict alone",
            found.len()
        ));
    }
    let mut sets = Vec::new();
    for (key, dict) in found {
        let tensors = match named(heap, dict) {
            Ok(named) => Ok(rebuild::all(heap, &named, &mut budget, &mut storage)?),
            Err(problem) => Err(problem),
        };
        sets.push(StateDict { key, tensors });
    }
    sets.extend(lists.into_iter().map(|key| {
        let problem = format!("'{key}' is a list of tensors without names");
        StateDict { key, tensors: Err(problem) }
    }));
    let arch = match value {
        Value::Dict(root) => match heap.entry(root, "arch") {
            Some(Value::Str(arch)) => Some((*arch).to_owned()),
            _ => None,
        },
        _ => None,
    };
    Ok(Checkpoint { arch, metadata: BTreeMap::new(), sets })
}

type Entries<'h> = &'h [(Id, Id)];

/// The dicts that have tensors, by the keys that lead to them, the preferred ones first; and
/// where there are lists of tensors.
fn find<'h>(heap: &'h Heap<'_>, root: Id) -> (Vec<(String, Entries<'h>)>, Vec<String>) {
    let mut lists = Vec::new();
    let mut found: Vec<(String, Entries<'h>)> = Vec::new();
    // Each dict once, by its shortest way: they may contain themselves and each other.
    let mut seen = HashSet::from([root]);
    let mut waiting = VecDeque::from([(String::new(), root, 0)]);
    while let Some((key, id, depth)) = waiting.pop_front() {
        let Value::Dict(entries) = heap.get(id) else { continue };
        // One tensor tells a state dict: an entry that is none is an error of this set, which
        // names it.
        let is_tensor = |(_, value): &(Id, Id)| matches!(heap.get(*value), Value::Tensor(_));
        if entries.iter().any(is_tensor) {
            found.push((key.clone(), entries));
        }
        for (name, value) in entries.iter().filter(|_| depth < DEPTH) {
            let Some(name) = heap.str(*name) else { continue };
            let is_memory = depth == 0 && (name.contains("optim") || name.contains("sched"));
            if is_memory || seen.len() >= DICTS {
                continue;
            }
            let dot = if key.is_empty() { "" } else { "." };
            let path = || format!("{key}{dot}{}", shown(name));
            match heap.get(*value) {
                Value::Dict(_) if seen.insert(*value) => {
                    waiting.push_back((path(), *value, depth + 1));
                }
                Value::List(items)
                    if lists.len() < MOST
                        && items
                            .first()
                            .is_some_and(|item| matches!(heap.get(*item), Value::Tensor(_))) =>
                {
                    lists.push(path());
                }
                _ => {}
            }
        }
    }
    if found.is_empty() {
        // A dict in the usual place: what is wrong with it is told later.
        let usual = |key: &&str| match heap.get(root) {
            Value::Dict(root) => match heap.entry(root, key) {
                Some(Value::Dict(entries)) => Some(((**key).to_owned(), entries.as_slice())),
                _ => None,
            },
            _ => None,
        };
        found.extend(KEYS.iter().find_map(usual));
    }
    let rank = |key: &str| KEYS.iter().position(|known| *known == key).unwrap_or(KEYS.len());
    found.sort_by_key(|(key, _)| rank(key));
    (found, lists)
}

fn named<'h, 'a>(
    heap: &'h Heap<'a>,
    dict: Entries<'h>,
) -> Result<BTreeMap<&'a str, &'h TensorRef>, String> {
    dict.iter().map(|(key, value)| entry(heap, *key, *value)).collect()
}

fn entry<'h, 'a>(
    heap: &'h Heap<'a>,
    key: Id,
    value: Id,
) -> Result<(&'a str, &'h TensorRef), String> {
    let name = heap.str(key).ok_or_else(|| {
        format!("a key of the state dict is {}, expected a str", heap.describe(heap.get(key)))
    })?;
    match heap.get(value) {
        Value::Tensor(tensor) => Ok((name, tensor)),
        other => Err(format!(
            "the entry `{}` of the state dict is {}, expected a tensor of a plain float, integer or bool type",
            shown(name),
            heap.describe(other)
        )),
    }
}
