//! Pickled dicts of plain values.

use std::collections::BTreeMap;

use crate::pickle::{self, Bytes, Heap, Id, Value};
use crate::pytorch::{budget, over_budget};

/// A value of a pickled dict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plain {
    /// A list of integers.
    Ints(Vec<i64>),
    /// A list of strings.
    Texts(Vec<String>),
    /// A NumPy array.
    Array(Array),
    /// Anything else, in words.
    Other(String),
}

impl std::fmt::Display for Plain {
    /// What it is, not what is in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ints(items) => write!(f, "a list of {} integers", items.len()),
            Self::Texts(items) => write!(f, "a list of {} strings", items.len()),
            Self::Array(array) => write!(f, "an array of shape {:?}", array.shape),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// A NumPy array of some dtype, which its number of bytes tells in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Its axes.
    pub shape: Vec<usize>,
    /// Whether the first axis, not the last, is the one whose values lie together.
    pub fortran_order: bool,
    /// All elements.
    pub bytes: Vec<u8>,
}

/// Reads a pickled dict whose keys are strings; entries under other keys are left out.
///
/// # Errors
/// If the bytes are no pickle of a dict, ask for code to be run, or would unfold to far more than
/// they are.
pub fn read_dict(bytes: &[u8]) -> Result<BTreeMap<String, Plain>, String> {
    let (heap, root) = pickle::load(&mut Bytes::new(bytes, 0, "the pickle"))?;
    let Value::Dict(entries) = heap.get(root) else {
        return Err(format!("it holds {}, expected a dict", heap.describe(heap.get(root))));
    };
    // Of equal keys the last counts.
    let named = entries.iter().filter_map(|(key, value)| Some((text(&heap, *key)?, *value)));
    let named: BTreeMap<&str, Id> = named.collect();
    // A value may be in many places, and in the file once.
    let (most, mut all) = (budget(bytes.len()), 0u64);
    for (key, value) in &named {
        all = all.saturating_add(key.len() as u64).saturating_add(cost(&heap, *value));
        // At once: one long list may be looked at as often as it is there.
        if all > most {
            return Err(over_budget("it", format!("more than {all}")));
        }
    }
    let owned =
        named.into_iter().map(|(key, value)| (key.to_owned(), plain(&heap, heap.get(value))));
    Ok(owned.collect())
}

/// Bytes that a value takes as a [`Plain`] one, at most.
fn cost(heap: &Heap<'_>, value: Id) -> u64 {
    const EACH: u64 = size_of::<String>() as u64;
    let length = |id: &Id| EACH + text(heap, *id).map_or(0, |text| text.len() as u64);
    match heap.get(value) {
        Value::List(items) => items.iter().map(length).fold(0, u64::saturating_add),
        Value::Array(Some(state)) => heap.items(*state).map_or(0, |state| {
            let parts = state.iter().map(|id| match heap.get(*id) {
                Value::Bytes(bytes) => bytes.len() as u64,
                Value::Latin1(text) => heap.str(*text).map_or(0, |text| text.len() as u64),
                Value::Str(text) => text.len() as u64,
                Value::Tuple(items) | Value::List(items) => 8 * items.len() as u64,
                _ => 0,
            });
            parts.fold(EACH, u64::saturating_add)
        }),
        _ => EACH,
    }
}

fn plain(heap: &Heap<'_>, value: &Value<'_>) -> Plain {
    let known = match value {
        Value::List(items) => ints(heap, items).or_else(|| texts(heap, items)),
        Value::Array(Some(state)) => array(heap, *state).map(Plain::Array),
        _ => None,
    };
    known.unwrap_or_else(|| Plain::Other(heap.describe(value)))
}

fn ints(heap: &Heap<'_>, items: &[Id]) -> Option<Plain> {
    let int = |id: &Id| match heap.get(*id) {
        Value::Int(number) => i64::try_from(*number).ok(),
        _ => None,
    };
    items.iter().map(int).collect::<Option<_>>().map(Plain::Ints)
}

fn texts(heap: &Heap<'_>, items: &[Id]) -> Option<Plain> {
    let text = |id: &Id| text(heap, *id).map(str::to_owned);
    items.iter().map(text).collect::<Option<_>>().map(Plain::Texts)
}

/// A text, or bytes that are one: Python 3 keeps what Python 2 wrote as `bytes` where it was
/// asked to (`encoding="bytes"`).
fn text<'a>(heap: &Heap<'a>, id: Id) -> Option<&'a str> {
    match heap.get(id) {
        Value::Str(text) => Some(text),
        Value::Bytes(bytes) => str::from_utf8(bytes).ok(),
        Value::Latin1(text) => heap.str(*text).filter(|text| text.is_ascii()),
        _ => None,
    }
}

/// The state is (version, shape, dtype, whether in Fortran order, elements).
fn array(heap: &Heap<'_>, state: Id) -> Option<Array> {
    let &[_version, shape, _dtype, order, elements] = heap.items(state)? else { return None };
    let Value::Bool(fortran_order) = *heap.get(order) else { return None };
    let bytes = match heap.get(elements) {
        Value::Bytes(bytes) => bytes.to_vec(),
        // Python 2 does not tell them apart.
        Value::Str(text) => text.as_bytes().to_vec(),
        Value::Latin1(text) => {
            let bytes = heap.str(*text)?.chars().map(|c| u8::try_from(u32::from(c)).ok());
            bytes.collect::<Option<_>>()?
        }
        _ => return None,
    };
    let shape = heap.items(shape)?.iter().map(|id| heap.size(*id)).collect::<Option<_>>()?;
    Some(Array { shape, fortran_order, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Vec<u8> {
        [b"X", (length as u32).to_le_bytes().as_slice(), &vec![b'a'; length]].concat()
    }

    /// A list of `count` times one text of `length` bytes, or as many arrays of its bytes.
    fn repeated(length: usize, count: usize) -> Vec<u8> {
        [b"\x80\x02}X\x01\0\0\0a](", text(length).as_slice(), b"q\0", &b"h\0".repeat(count), b"es."]
            .concat()
    }

    #[test]
    fn a_value_that_is_in_many_places_is_not_copied_without_end() {
        let few = read_dict(&repeated(100, 9)).unwrap();
        assert!(matches!(&few["a"], Plain::Texts(texts) if texts.len() == 10), "{few:?}");
        // 240 KB that would be 10 GB.
        let bytes = repeated(100_000, 70_000);
        assert!(bytes.len() < 1 << 18);
        let error = read_dict(&bytes).unwrap_err();
        assert!(error.contains("far more than the file holds"), "{error}");
        // One array under many keys.
        let state = [b"(K\0K\x01\x85K\0\x89", text(100_000).as_slice(), b"t"].concat();
        let array =
            [b"cnumpy.core.multiarray\n_reconstruct\n)R".as_slice(), &state, b"bq\0"].concat();
        let entries: Vec<u8> = (0..20_000u32)
            .flat_map(|key| {
                [&b"X\x04\0\0\0"[..], format!("{key:04x}").as_bytes(), b"h\0s"].concat()
            })
            .collect();
        let bytes = [b"\x80\x02}X\x01\0\0\0a", array.as_slice(), b"s", &entries, b"."].concat();
        let error = read_dict(&bytes).unwrap_err();
        assert!(error.contains("far more than the file holds"), "{error}");
    }
}
