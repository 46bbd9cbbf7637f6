//! Decoders of other crates, of which some panic on some damaged files.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `decode` gives; a panic in it is one more error about that file.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|panic| Err(format!("is damaged: {}", said(&*panic))))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(guarded(|| Ok(3)), Ok(3));
        let damaged: Result<(), String> = guarded(|| panic!("row {}", 7));
        assert_eq!(damaged, Err("is damaged: row 7".to_owned()));
    }
}
