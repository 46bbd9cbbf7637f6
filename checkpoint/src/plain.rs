//! Pickled dicts of plain values.

use std::collections::BTreeMap;

use crate::pickle::{self, Bytes, Heap, Id, Value};

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
/// If the bytes are no pickle of a dict, or ask for code to be run.
pub fn read_dict(bytes: &[u8]) -> Result<BTreeMap<String, Plain>, String> {
    let (heap, root) = pickle::load(&mut Bytes::new(bytes, 0, "the pickle"))?;
    let Value::Dict(entries) = heap.get(root) else {
        return Err(format!("it holds {}, expected a dict", heap.describe(heap.get(root))));
    };
    let named = |(key, value): &(Id, Id)| {
        Some((heap.str(*key)?.to_owned(), plain(&heap, heap.get(*value))))
    };
    Ok(entries.iter().filter_map(named).collect())
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
    let text = |id: &Id| heap.str(*id).map(str::to_owned);
    items.iter().map(text).collect::<Option<_>>().map(Plain::Texts)
}

/// The state is (version, shape, dtype, whether in Fortran order, elements).
fn array(heap: &Heap<'_>, state: Id) -> Option<Array> {
    let &[_version, shape, _dtype, order, elements] = heap.items(state)? else { return None };
    let Value::Bool(fortran_order) = *heap.get(order) else { return None };
    let bytes = match heap.get(elements) {
        Value::Bytes(bytes) => bytes.to_vec(),
        // Python 2 does not tell them apart.
        Value::Str(text) => text.as_bytes().to_vec(),
        _ => return None,
    };
    let shape = heap.items(shape)?.iter().map(|id| heap.size(*id)).collect::<Option<_>>()?;
    Some(Array { shape, fortran_order, bytes })
}
