//! Panics, which are mistakes in drs itself, as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A thread panicked: a mistake in drs, whatever it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a mistake in drs itself: {message}; please report it, with the command and all that was printed"
)]
pub struct Panicked {
    message: String,
}

impl Panicked {
    /// What a program exits with, as Rust's own programs do.
    pub const EXIT_CODE: u8 = 101;

    fn new(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self { message: text.unwrap_or_else(|| "a thread panicked".to_owned()) }
    }
}

/// Does `work`. A panic is printed where it happens, and is an error here.
///
/// What `work` changes must be whole after each of its steps.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panicked::new(&*payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_what_the_panic_said() {
        let number = 7;
        let error = caught(|| panic!("number {number}")).unwrap_err();
        assert!(error.to_string().contains("number 7"), "{error}");
        let error = caught(|| panic!("words")).unwrap_err();
        assert!(error.to_string().contains("words"), "{error}");
        assert_eq!(caught(|| 3), Ok(3));
    }
}
