//! What calling an allowed name gives. Nothing is checked that only a tensor of
//! the state dict needs: the optimiser's tensors are never looked at.

use super::globals::Global;
use super::value::{Heap, Id, Storage, TensorRef, Value};

/// The opcode REDUCE.
pub(super) fn reduce<'a>(heap: &mut Heap<'a>, function: Id, args: Id) -> Result<Id, String> {
    let wrong = |heap: &Heap<'a>, name: &str, expected: &str| {
        let found = heap.describe(heap.get(args));
        format!("{name} is called with {found}, expected {expected}")
    };
    let global = match heap.get(function) {
        Value::Global(global) => *global,
        other => return Err(format!("{} is called", heap.describe(other))),
    };
    let Value::Tuple(items) = heap.get(args) else {
        return Err(wrong(heap, "a function", "a tuple of arguments"));
    };
    match (global, items.as_slice()) {
        (Global::OrderedDict, []) => heap.push(Value::Dict(Vec::new())),
        (Global::OrderedDict, _) => Err(wrong(heap, "OrderedDict", "none, as Python 3 does")),
        (Global::Size, [sizes]) if heap.items(*sizes).is_some() => Ok(*sizes),
        (Global::Size, _) => Err(wrong(heap, "torch.Size", "a tuple of sizes")),
        (Global::Tensor, &[storage, offset, shape, strides, ..])
            if matches!(heap.get(storage), Value::Storage(_)) =>
        {
            heap.push(Value::Tensor(Box::new(TensorRef { storage, offset, shape, strides })))
        }
        (Global::Tensor, _) => {
            Err(wrong(heap, "_rebuild_tensor", "(storage, offset, shape, strides, …)"))
        }
        (Global::Parameter, [tensor, ..]) if matches!(heap.get(*tensor), Value::Tensor(_)) => {
            Ok(*tensor)
        }
        (Global::Parameter, _) => Err(wrong(heap, "_rebuild_parameter", "(tensor, …)")),
        (Global::Storage(_), _) => {
            Err(wrong(heap, "a storage class", "storages to lie outside the pickle"))
        }
        (Global::Array, _) => heap.push(Value::Array(None)),
        (Global::FromBuffer, &[elements, dtype, shape, order]) => {
            let version = heap.push(Value::None)?;
            let fortran_order = heap.str(order) == Some("F");
            let fortran_order = heap.push(Value::Bool(fortran_order))?;
            // As the state that `_reconstruct`'s array would get.
            let state = vec![version, shape, dtype, fortran_order, elements];
            let state = heap.push(Value::Tuple(state))?;
            heap.push(Value::Array(Some(state)))
        }
        (Global::FromBuffer, _) => {
            Err(wrong(heap, "_frombuffer", "(elements, dtype, shape, order)"))
        }
        (Global::Encode, &[text, encoding])
            if heap.str(text).is_some() && heap.str(encoding) == Some("latin1") =>
        {
            heap.push(Value::Latin1(text))
        }
        (Global::Encode, _) => heap.push(Value::Opaque("bytes")),
        (Global::Opaque(name), _) => heap.push(Value::Opaque(name)),
    }
}

/// The opcode BUILD: what is set on an object other than an array is not needed.
pub(super) fn build(heap: &mut Heap<'_>, object: Id, state: Id) -> Result<(), String> {
    if let Some(Value::Array(array)) = heap.get_mut(object) {
        *array = Some(state);
        return Ok(());
    }
    match heap.get(object) {
        // OrderedDict's `_metadata`: the versions of modules.
        Value::Dict(_) | Value::Opaque(_) => Ok(()),
        other => Err(format!("attributes are set on {}", heap.describe(other))),
    }
}

/// The opcode BINPERSID: something outside the pickle, always a storage.
pub(super) fn persistent<'a>(heap: &mut Heap<'a>, id: Id) -> Result<Id, String> {
    let storage = storage(heap, id).ok_or_else(|| {
        let found = heap.describe(heap.get(id));
        format!(
            "it refers to {found} outside the pickle, expected ('storage', class, key, location, elements)"
        )
    })?;
    heap.push(Value::Storage(Box::new(storage)))
}

fn storage<'a>(heap: &Heap<'a>, id: Id) -> Option<Storage<'a>> {
    let &[kind, class, key, _location, elements, ref view @ ..] = heap.items(id)? else {
        return None;
    };
    let (Some("storage"), Value::Global(Global::Storage(dtype))) =
        (heap.str(kind), heap.get(class))
    else {
        return None;
    };
    let view = match view.first().map(|view| (heap.get(*view), heap.items(*view))) {
        None | Some((Value::None, _)) => None,
        Some((_, Some([_key, start, count]))) => Some((heap.size(*start)?, heap.size(*count)?)),
        Some(_) => return None,
    };
    Some(Storage { dtype: *dtype, key: heap.str(key)?, elements: heap.size(elements)?, view })
}
