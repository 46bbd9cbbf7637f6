//! Errors that plugins report.

use std::fmt;

use crate::abi::AbiError;

/// What kind of failure an [`Error`] is.
///
/// Crosses as a number; a host that does not know a number reads it as
/// [`Other`](Self::Other).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Anything without a kind of its own.
    Other,
    /// The configuration is wrong.
    Config,
    /// A model file is missing, unreadable or not what it should be.
    Model,
    /// A batch has the wrong size.
    Batch,
    /// The model answered with a value that is not finite.
    NonFinite,
    /// The plugin panicked.
    Panic,
    /// A device that was asked for is not there.
    Device,
}

const CODES: [(ErrorKind, u32); 7] = [
    (ErrorKind::Other, 0),
    (ErrorKind::Config, 1),
    (ErrorKind::Model, 2),
    (ErrorKind::Batch, 3),
    (ErrorKind::NonFinite, 4),
    (ErrorKind::Panic, 5),
    (ErrorKind::Device, 6),
];

/// An error with a message for people and a hint what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: String,
}

impl Error {
    /// An error; the message says what was found and what was expected.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: String::new() }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Error> for AbiError {
    fn from(error: Error) -> Self {
        let code = CODES.iter().find(|(kind, _)| *kind == error.kind).map_or(0, |&(_, code)| code);
        Self { code, message: error.message.into(), hint: error.hint.into() }
    }
}

impl From<AbiError> for Error {
    fn from(error: AbiError) -> Self {
        let known = CODES.iter().find(|(_, code)| *code == error.code);
        let kind = known.map_or(ErrorKind::Other, |&(kind, _)| kind);
        Self { kind, message: error.message.into(), hint: error.hint.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_survive_the_crossing() {
        for (kind, _) in CODES {
            let error = Error::new(kind, "found 3, expected 4").hint("try again");
            assert_eq!(Error::from(AbiError::from(error.clone())), error);
        }
        let future = AbiError { code: 999, message: "new".into(), hint: "".into() };
        assert_eq!(Error::from(future).kind(), ErrorKind::Other);
    }
}
