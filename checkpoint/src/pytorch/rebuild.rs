//! Tensors out of their descriptions and data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::shown;
use crate::pickle::{Heap, Id, Storage, TensorRef};
use crate::tensor::{Dtype, Tensor, elements};

use super::over_budget;

/// PyTorch's own limit.
const MAX_DIMENSIONS: usize = 64;

/// All tensors by name. Each storage is asked for once, as it may be a large
/// piece of the file, and its tensors are made together.
pub(super) fn all<'a>(
    heap: &Heap<'_>,
    named: &BTreeMap<&str, &TensorRef>,
    budget: &mut u64,
    mut data: impl FnMut(&str) -> Result<Cow<'a, [u8]>, String>,
) -> Result<BTreeMap<String, Tensor>, String> {
    let fail = |name: &str, problem: String| format!("tensor `{}`: {problem}", shown(name));
    let mut by_storage: BTreeMap<&str, Vec<(&str, &TensorRef)>> = BTreeMap::new();
    for (name, tensor) in named {
        let storage = heap.storage(tensor.storage).ok_or_else(|| {
            fail(name, format!("it lies in {}", heap.describe(heap.get(tensor.storage))))
        })?;
        by_storage.entry(storage.key).or_default().push((name, tensor));
    }
    let mut tensors = BTreeMap::new();
    for (key, refs) in by_storage {
        let data = data(key).map_err(|problem| match refs.first() {
            Some((name, _)) => fail(name, problem),
            None => problem,
        })?;
        for (name, tensor) in refs {
            let tensor = Layout::new(heap, tensor)
                .and_then(|layout| layout.tensor(&data, name, budget))
                .map_err(|problem| fail(name, problem))?;
            tensors.insert(name.to_owned(), tensor);
        }
    }
    Ok(tensors)
}

/// Where a tensor's elements lie in its storage.
struct Layout<'h> {
    storage: &'h Storage<'h>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'h> Layout<'h> {
    fn new(heap: &'h Heap<'_>, tensor: &TensorRef) -> Result<Self, String> {
        let storage = heap.storage(tensor.storage).ok_or("it lies in no storage")?;
        let numbers = |id: Id| -> Option<Vec<usize>> {
            let items = heap.items(id).filter(|items| items.len() <= MAX_DIMENSIONS)?;
            items.iter().map(|item| heap.size(*item)).collect()
        };
        let (Some(offset), Some(shape), Some(strides)) =
            (heap.size(tensor.offset), numbers(tensor.shape), numbers(tensor.strides))
        else {
            return Err(format!(
                "its offset, shape or strides are not whole numbers of at least 0, {MAX_DIMENSIONS} at most"
            ));
        };
        if shape.len() != strides.len() {
            return Err(format!("it has the shape {shape:?} but the strides {strides:?}"));
        }
        Ok(Self { storage, offset, shape, strides })
    }

    fn tensor(&self, data: &[u8], name: &str, budget: &mut u64) -> Result<Tensor, String> {
        let Storage { dtype, elements: stored, view, .. } = self.storage;
        if stored.checked_mul(dtype.size()) != Some(data.len()) {
            return Err(format!(
                "its storage '{}' has {} bytes, expected {stored} elements of {dtype}",
                shown(self.storage.key),
                data.len()
            ));
        }
        let (start, count) = view.unwrap_or((0, *stored));
        let outside = || {
            format!(
                "the shape {:?} with strides {:?} from element {} on is outside its {count} elements",
                self.shape, self.strides, self.offset
            )
        };
        let wanted = elements(&self.shape).ok_or_else(outside)?;
        let bytes = wanted.checked_mul(dtype.size()).ok_or_else(outside)?;
        let cost = bytes.saturating_add(size_of_val(self.shape.as_slice()));
        // Several sets may share one long name.
        let cost = cost.saturating_add(name.len());
        *budget = budget.checked_sub(cost as u64).ok_or_else(|| over_budget("it", cost))?;
        if wanted > 0 && self.last().is_none_or(|last| last >= count) {
            return Err(outside());
        }
        let first = self.offset.checked_add(start).ok_or_else(outside)?;
        let data = match self.is_contiguous() || wanted == 0 {
            true => slice(data, *dtype, first, wanted).map(<[u8]>::to_vec),
            false => self.gather(data, first, bytes),
        };
        data.and_then(|data| Tensor::new(*dtype, self.shape.clone(), data)).ok_or_else(outside)
    }

    /// The element that lies furthest, counted from the start of the storage.
    fn last(&self) -> Option<usize> {
        self.shape.iter().zip(&self.strides).try_fold(self.offset, |last, (size, stride)| {
            last.checked_add(size.saturating_sub(1).checked_mul(*stride)?)
        })
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == expected;
            expected = expected.saturating_mul(size);
            fits
        })
    }

    /// The elements in row-major order, counting up like an odometer.
    fn gather(&self, data: &[u8], first: usize, bytes: usize) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes);
        let mut index = vec![0usize; self.shape.len()];
        let mut at = first;
        while out.len() < bytes {
            out.extend_from_slice(slice(data, self.storage.dtype, at, 1)?);
            let wheels = index.iter_mut().zip(self.shape.iter().zip(&self.strides)).rev();
            for (digit, (&size, &stride)) in wheels {
                *digit += 1;
                if *digit < size {
                    at = at.checked_add(stride)?;
                    break;
                }
                at = at.checked_sub(stride.checked_mul(size - 1)?)?;
                *digit = 0;
            }
        }
        Some(out)
    }
}

fn slice(data: &[u8], dtype: Dtype, first: usize, count: usize) -> Option<&[u8]> {
    // An empty tensor may lie anywhere.
    if count == 0 {
        return Some(&[]);
    }
    let start = first.checked_mul(dtype.size())?;
    data.get(start..start.checked_add(count.checked_mul(dtype.size())?)?)
}
