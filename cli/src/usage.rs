//! Wrong usage that shows only after the arguments are parsed.

/// Options that do not fit together, or not with what they name. Exit code 2, as for what the
/// parser finds.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl Usage {
    /// Says what was found, what was expected and how to mend it.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Returns from a function with a [`Usage`] error.
macro_rules! wrong_usage {
    ($($message:tt)*) => {
        return Err($crate::usage::Usage::new(format!($($message)*)).into())
    };
}
pub(crate) use wrong_usage;
