//! Which of the pickle's values is the state dict.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::Checkpoint;
use crate::error::shown;
use crate::pickle::{Heap, Id, TensorRef, Value};

use super::rebuild;

/// Where checkpoints keep their state dict, in the order of preference.
const KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// The checkpoint, with the data of storages taken from `storage`.
pub(super) fn read<'a>(
    heap: &Heap<'_>,
    root: Id,
    budget: u64,
    storage: impl FnMut(&str) -> Result<Cow<'a, [u8]>, String>,
) -> Result<Checkpoint, String> {
    let root = heap.get(root);
    let (dict, arch) = find(heap, root).ok_or_else(|| {
        format!(
            "it holds no state dict but {}, expected a dict of tensors, or a dict with one under 'state_dict', 'model_state_dict', 'model' or 'net'",
            heap.describe(root)
        )
    })?;
    let mut named = BTreeMap::new();
    for (key, value) in dict {
        let (name, tensor) = entry(heap, *key, *value)?;
        named.insert(name, tensor);
    }
    let tensors = rebuild::all(heap, &named, budget, storage)?;
    Ok(Checkpoint { arch: arch.map(str::to_owned), metadata: BTreeMap::new(), tensors })
}

type Entries<'h> = &'h [(Id, Id)];

/// The state dict and the name of the architecture.
fn find<'h, 'a>(heap: &'h Heap<'a>, root: &'h Value<'a>) -> Option<(Entries<'h>, Option<&'a str>)> {
    let Value::Dict(root) = root else { return None };
    let arch = match heap.entry(root, "arch") {
        Some(Value::Str(arch)) => Some(*arch),
        _ => None,
    };
    let under_keys = KEYS.iter().filter_map(|key| match heap.entry(root, key) {
        Some(Value::Dict(dict)) => Some(dict),
        _ => None,
    });
    // One tensor tells a state dict: an entry that is none is an error later,
    // which names it.
    let with_tensor = |dict: &&Vec<(Id, Id)>| {
        dict.iter().any(|(_, value)| matches!(heap.get(*value), Value::Tensor(_)))
    };
    let dict = under_keys
        .clone()
        .find(with_tensor)
        .or_else(|| Some(root).filter(with_tensor))
        .or_else(|| under_keys.clone().next())?;
    Some((dict, arch))
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
