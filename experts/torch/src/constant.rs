//! Tensors that threads share.

use std::ops::Deref;

use tch::Tensor;

/// A tensor that nothing writes to after it is made.
pub(crate) struct Constant(Tensor);

// SAFETY: libtorch's tensors are reference-counted with atomics and may be read
// from many threads; `Constant` gives out shared references only, and this
// plugin calls no in-place operation on what it gets from one.
unsafe impl Sync for Constant {}

impl From<Tensor> for Constant {
    fn from(tensor: Tensor) -> Self {
        Self(tensor)
    }
}

impl Deref for Constant {
    type Target = Tensor;
    fn deref(&self) -> &Tensor {
        &self.0
    }
}
