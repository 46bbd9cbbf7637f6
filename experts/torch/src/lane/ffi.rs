//! The calls into C++ for streams.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;

use tch::Device;

use crate::texts::take_error;

unsafe extern "C" {
    fn drs_stream_new(gpu: c_int, error: *mut *mut c_char) -> *mut c_void;
    fn drs_stream_free(stream: *mut c_void);
    fn drs_stream_enter(stream: *const c_void, error: *mut *mut c_char) -> *mut c_void;
    fn drs_stream_leave(guard: *mut c_void);
    fn drs_device_trim(error: *mut *mut c_char);
    fn drs_device_wait(gpu: c_int, error: *mut *mut c_char);
}

/// Work that a device does in order. The processor has one only.
pub(super) struct Stream(*mut c_void);

// SAFETY: a stream is a number that names it; any thread may put work on it.
unsafe impl Send for Stream {}

impl Stream {
    /// A stream of the device that the default one does not wait for, where the device has any.
    pub(super) fn new(device: Device) -> Result<Self, String> {
        let mut error = null_mut();
        // SAFETY: takes a number only.
        let stream = unsafe { drs_stream_new(gpu(device), &raw mut error) };
        // SAFETY: null, or a text that the shim made for us.
        unsafe { take_error(error) }?;
        Ok(Self(stream))
    }

    /// What this thread asks of the device goes onto the stream until the guard is dropped.
    pub(super) fn enter(&self) -> Result<Entered, String> {
        let mut error = null_mut();
        // SAFETY: the stream lives; the guard keeps a copy of it.
        let guard = unsafe { drs_stream_enter(self.0, &raw mut error) };
        // SAFETY: as above.
        unsafe { take_error(error) }?;
        Ok(Entered(guard))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and nobody else has it.
        unsafe { drs_stream_free(self.0) }
    }
}

/// The thread's stream before comes back when this is dropped, on the same thread: a raw pointer
/// stays where it was made.
pub(super) struct Entered(*mut c_void);

impl Drop for Entered {
    fn drop(&mut self) {
        // SAFETY: made by `enter`, on this thread.
        unsafe { drs_stream_leave(self.0) }
    }
}

/// Waits for all that was asked of a GPU.
pub(super) fn wait(device: Device) -> Result<(), String> {
    if !device.is_cuda() {
        return Ok(());
    }
    let mut error = null_mut();
    // SAFETY: takes a number only.
    unsafe { drs_device_wait(gpu(device), &raw mut error) };
    // SAFETY: null, or a text that the shim made for us.
    unsafe { take_error(error) }
}

/// Gives memory of GPUs back that no tensor has.
pub(super) fn trim() -> Result<(), String> {
    let mut error = null_mut();
    // SAFETY: takes nothing.
    unsafe { drs_device_trim(&raw mut error) };
    // SAFETY: null, or a text that the shim made for us.
    unsafe { take_error(error) }
}

/// The number of a GPU, or −1.
fn gpu(device: Device) -> c_int {
    match device {
        Device::Cuda(index) => c_int::try_from(index).unwrap_or(c_int::MAX),
        _ => -1,
    }
}
