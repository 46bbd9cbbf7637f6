//! The format of `torch.save` before 1.6: pickles one after the other (magic
//! number, version, facts of the machine, the object, keys of storages), then
//! the storages' data. It is little-endian on every machine.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::Checkpoint;
use crate::error::shown;
use crate::pickle::{self, Bytes, Heap, Id, Value};
use crate::tensor::Dtype;

use super::{budget, state_dict};

const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const VERSION: i128 = 1001;

/// Whether the file begins with a pickled integer, or a pickle of protocol 2 or later.
pub(crate) fn is(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..] | [b'L', b'0'..=b'9', ..])
}

pub(crate) fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    let mut at = 0;
    let mut next = |what: &'static str| {
        let mut position = Bytes::new(bytes, at, what);
        let loaded = pickle::load(&mut position)?;
        at = position.at();
        Ok::<_, String>(loaded)
    };
    let (heap, root) = next("the pickle at the start")?;
    if !matches!(heap.get(root), Value::Int(MAGIC)) {
        return Err(format!(
            "a plain pickle of {}, expected a checkpoint of torch.save: load it in Python and save it with torch.save or as safetensors",
            heap.describe(heap.get(root))
        ));
    }
    let (heap, root) = next("the version of the format")?;
    if !matches!(heap.get(root), Value::Int(VERSION)) {
        return Err(format!(
            "the version of its format is {}, expected {VERSION}",
            heap.describe(heap.get(root))
        ));
    }
    next("the description of the machine")?;
    let (heap, root) = next("the pickled object")?;
    let (names, list) = next("the list of storages")?;
    let data = storages(Bytes::new(bytes, at, "a storage"), &names, list, &types(&heap)?)?;
    state_dict::read(&heap, root, budget(bytes.len()), |key| {
        data.get(key)
            .map(|data| Cow::Borrowed(*data))
            .ok_or_else(|| format!("the storage '{}' is missing: the file is damaged", shown(key)))
    })
}

/// The type and number of elements of each storage.
type Types<'a> = HashMap<&'a str, (Dtype, usize)>;

fn types<'a>(heap: &Heap<'a>) -> Result<Types<'a>, String> {
    let mut types = HashMap::new();
    for value in heap.iter() {
        let Value::Storage(storage) = value else { continue };
        let new = (storage.dtype, storage.elements);
        let old = *types.entry(storage.key).or_insert(new);
        if old != new {
            return Err(format!(
                "the storage '{}' has {} elements of {} and also {} of {}: the file is damaged",
                shown(storage.key),
                old.1,
                old.0,
                new.1,
                new.0
            ));
        }
    }
    Ok(types)
}

/// The data of each storage, which lie one after the other.
fn storages<'a>(
    mut bytes: Bytes<'a>,
    heap: &Heap<'a>,
    list: Id,
    types: &Types<'_>,
) -> Result<HashMap<&'a str, &'a [u8]>, String> {
    let mut data = HashMap::new();
    for id in heap.items(list).ok_or("its list of storages is no list: the file is damaged")? {
        let key = heap.str(*id).ok_or("the key of a storage is no str: the file is damaged")?;
        let (dtype, elements) = types.get(key).ok_or_else(|| {
            format!("the storage '{}' belongs to no tensor: the file is damaged", shown(key))
        })?;
        let count = u64::from_le_bytes(bytes.array()?);
        if count != *elements as u64 {
            return Err(format!(
                "the storage '{}' has {count} elements of {dtype}, expected {elements}: the file is damaged",
                shown(key)
            ));
        }
        let size = count.saturating_mul(dtype.size() as u64);
        data.insert(key, bytes.take_u64(size)?);
    }
    Ok(data)
}
