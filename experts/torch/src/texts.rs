//! Texts that C++ gives away, such as what went wrong.

use std::ffi::{CStr, c_char};

use crate::explain::message;

unsafe extern "C" {
    fn drs_text_free(text: *mut c_char);
}

/// What went wrong, if anything did.
///
/// # Safety
/// As for [`take_text`].
pub(crate) unsafe fn take_error(error: *mut c_char) -> Result<(), String> {
    // SAFETY: as the caller says.
    unsafe { take_text(error) }.map_or(Ok(()), |text| Err(message(&text)))
}

/// # Safety
/// `text` is null or a C string from `malloc` that nobody else frees.
pub(crate) unsafe fn take_text(text: *mut c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: see above; it is not used after it is freed.
    let copy = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    // SAFETY: see above.
    unsafe { drs_text_free(text) };
    Some(copy)
}
