//! Why a case does not pass.

use drs_plugins_api::Error;

/// Why a case does not pass.
pub(crate) enum Shortfall {
    Fail { seen: String, expected: String },
    Skip(String),
}

pub(crate) fn fail(seen: impl Into<String>, expected: impl Into<String>) -> Shortfall {
    Shortfall::Fail { seen: seen.into(), expected: expected.into() }
}

pub(crate) fn skip(why: impl Into<String>) -> Shortfall {
    Shortfall::Skip(why.into())
}

impl From<Error> for Shortfall {
    fn from(error: Error) -> Self {
        fail(told(&error), "no error")
    }
}

/// An error with its kind, which most cases are about.
pub(crate) fn told(error: &Error) -> String {
    format!("an error of kind {:?}: {error}", error.kind())
}

/// That two lists of votes are the same; `when` tells how `found` came about.
pub(crate) fn same_votes(found: &[u32], expected: &[u32], when: &str) -> Result<(), Shortfall> {
    let differing = |(found, expected): (&u32, &u32)| found != expected;
    let Some(first) = found.iter().zip(expected).position(differing) else { return Ok(()) };
    let count = found.iter().zip(expected).filter(|&pair| differing(pair)).count();
    let (all, vote) = (found.len(), found[first]);
    Err(fail(
        format!("{count} of {all} votes differ {when}: class {vote} for input {first}"),
        format!("class {} as before", expected[first]),
    ))
}
