//! The calls into C++ for graphs.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::null_mut;

use tch::{Device, Tensor};
use torch_sys::{C_tensor, CModule_};

use crate::explain::message;
use crate::texts::{take_error, take_text};

unsafe extern "C" {
    fn drs_network_compile(
        module: *mut CModule_,
        lowering: c_int,
        error: *mut *mut c_char,
    ) -> *mut c_void;
    fn drs_network_run(
        network: *const c_void,
        input: *const C_tensor,
        channels_last: bool,
        error: *mut *mut c_char,
    ) -> *mut C_tensor;
    #[cfg(test)]
    fn drs_network_describe(network: *const c_void) -> *mut c_char;
    fn drs_network_free(network: *mut c_void);
    fn drs_reuse_memory();
}

/// How the convolutions of a network are computed; numbers as in `shim.cpp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lowering {
    /// As the module has them.
    Plain = 0,
    /// In bfloat16.
    Cast = 1,
    /// With packed weights and what follows them fused in; CPU only.
    Fused = 2,
    /// Both.
    FusedCast = 3,
}

/// Makes libtorch keep the memory of large tensors for the next batch.
///
/// Before there is any module: tensors know which allocator their memory came
/// from, but oneDNN gives its own buffers to whichever is in place.
fn reuse_memory() {
    // SAFETY: may be called any number of times; no convolution has run yet.
    unsafe { drs_reuse_memory() };
}

/// A TorchScript module.
pub(super) struct Module(*mut CModule_);

impl Module {
    /// Reads the bytes of a TorchScript file, onto a device.
    pub(super) fn load(bytes: &[u8], device: Device) -> Result<Self, String> {
        reuse_memory();
        let device = device_number(device);
        // SAFETY: pointer and length are those of a live slice; libtorch copies it.
        let module = unsafe {
            torch_sys::atm_load_str_on_device(bytes.as_ptr().cast(), bytes.len(), device)
        };
        take_torch_error()?;
        Self::owned(module)
    }

    /// Records what `forward` does with `sample` as a module.
    pub(super) fn trace(
        sample: &Tensor,
        forward: impl FnOnce(&Tensor) -> Result<Tensor, String>,
    ) -> Result<Self, String> {
        reuse_memory();
        let name = CString::new("network").map_err(|error| error.to_string())?;
        let inputs = [sample.as_ptr().cast_mut()];
        // SAFETY: the name is a C string, the array holds one live tensor.
        let module =
            unsafe { torch_sys::atm_create_for_tracing(name.as_ptr(), inputs.as_ptr(), 1) };
        take_torch_error()?;
        let module = Self::owned(module)?;
        let output = forward(sample);
        let method = CString::new("forward").map_err(|error| error.to_string())?;
        // Tracing must end even where `forward` failed, or libtorch goes on recording.
        let ending = output.as_ref().unwrap_or(sample);
        let outputs = [ending.as_ptr().cast_mut()];
        // SAFETY: the module is live and being traced on this thread; the array
        // holds one live tensor.
        unsafe { torch_sys::atm_end_tracing(module.0, method.as_ptr(), outputs.as_ptr(), 1) };
        let ended = take_torch_error();
        // First why `forward` failed: its failure may have ended tracing.
        output.and(ended).map(|()| module)
    }

    /// Compiles the module for inference.
    pub(super) fn compile(&self, lowering: Lowering) -> Result<Compiled, String> {
        let mut error = null_mut();
        // SAFETY: the module is live; compiling works on a copy of it.
        let network = unsafe { drs_network_compile(self.0, lowering as c_int, &raw mut error) };
        // SAFETY: null, or a text that the shim made for us.
        unsafe { take_error(error) }?;
        if network.is_null() {
            return Err("libtorch gave no network".to_owned());
        }
        Ok(Compiled(network))
    }

    fn owned(module: *mut CModule_) -> Result<Self, String> {
        if module.is_null() {
            return Err("libtorch gave no module".to_owned());
        }
        Ok(Self(module))
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { torch_sys::atm_free(self.0) };
    }
}

/// A network that is ready to run.
pub(super) struct Compiled(*mut c_void);

// SAFETY: after compilation the network is only read: its graph is run by a new
// interpreter state at each call, on constants that nothing writes to.
unsafe impl Send for Compiled {}
// SAFETY: see above.
unsafe impl Sync for Compiled {}

impl Compiled {
    pub(super) fn run(&self, input: &Tensor, channels_last: bool) -> Result<Tensor, String> {
        let mut error = null_mut();
        // SAFETY: network and tensor are live; the network is not changed by running.
        let output =
            unsafe { drs_network_run(self.0, input.as_ptr(), channels_last, &raw mut error) };
        // SAFETY: null, or a text that the shim made for us.
        unsafe { take_error(error) }?;
        if output.is_null() {
            return Err("libtorch gave no output".to_owned());
        }
        // SAFETY: a new tensor that nobody else owns.
        Ok(unsafe { Tensor::from_ptr(output) })
    }

    /// The graph as text.
    #[cfg(test)]
    pub(super) fn describe(&self) -> String {
        // SAFETY: the network is live.
        let text = unsafe { drs_network_describe(self.0) };
        // SAFETY: a text that the shim made for us.
        unsafe { take_text(text) }.unwrap_or_default()
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { drs_network_free(self.0) };
    }
}

/// As torch-sys numbers devices.
fn device_number(device: Device) -> c_int {
    match device {
        Device::Cuda(index) => c_int::try_from(index).unwrap_or(c_int::MAX),
        _ => -1,
    }
}

/// The last error of torch-sys on this thread, without its C++ stack trace.
fn take_torch_error() -> Result<(), String> {
    // SAFETY: takes the text out of a thread-local; null where there is none.
    let error = unsafe { take_text(torch_sys::get_and_reset_last_err()) };
    error.map_or(Ok(()), |text| Err(message(&text)))
}
