//! The calls into C++ for packages.

use std::ffi::{CString, c_char, c_void};
use std::ptr::null_mut;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::texts::take_error;

unsafe extern "C" {
    fn drs_package_load(
        library: *const c_char,
        kernels: *const c_char,
        kind: *const c_char,
        device: *const c_char,
        runs: usize,
        error: *mut *mut c_char,
    ) -> *mut c_void;
    fn drs_package_run(
        package: *mut c_void,
        input: *const C_tensor,
        error: *mut *mut c_char,
    ) -> *mut C_tensor;
    fn drs_package_free(package: *mut c_void);
}

/// The code of a package, loaded.
pub(super) struct Code(*mut c_void);

// SAFETY: libtorch lets threads run one package at once, as many as it was loaded for.
unsafe impl Send for Code {}
// SAFETY: see above; `Slots` keeps further ones away.
unsafe impl Sync for Code {}

impl Code {
    /// Runs the code at a path inside this process. See `shim.cpp` for the arguments.
    pub(super) fn load(
        library: &str,
        kernels: &str,
        kind: &str,
        device: &str,
        runs: usize,
    ) -> Result<Self, String> {
        let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
        let (library, kernels) = (text(library)?, text(kernels)?);
        let (kind, device) = (text(kind)?, text(device)?);
        let mut error = null_mut();
        // SAFETY: C strings that outlive the call. What the code does is its publisher's: a
        // package is trusted as a plugin is (docs/security.md).
        let code = unsafe {
            drs_package_load(
                library.as_ptr(),
                kernels.as_ptr(),
                kind.as_ptr(),
                device.as_ptr(),
                runs,
                &raw mut error,
            )
        };
        // SAFETY: null, or a text that the shim made for us.
        unsafe { take_error(error) }?;
        if code.is_null() {
            return Err("libtorch gave no code".to_owned());
        }
        Ok(Self(code))
    }

    /// The output for one batch.
    pub(super) fn run(&self, input: &Tensor) -> Result<Tensor, String> {
        let mut error = null_mut();
        // SAFETY: code and tensor are live; libtorch keeps calls apart.
        let output = unsafe { drs_package_run(self.0, input.as_ptr(), &raw mut error) };
        // SAFETY: null, or a text that the shim made for us.
        unsafe { take_error(error) }?;
        if output.is_null() {
            return Err("libtorch gave no output".to_owned());
        }
        // SAFETY: a new tensor that nobody else owns.
        Ok(unsafe { Tensor::from_ptr(output) })
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { drs_package_free(self.0) };
    }
}
