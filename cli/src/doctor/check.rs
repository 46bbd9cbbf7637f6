//! What one look gave.

use serde::Serialize;

/// Whether it is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It is there and works.
    Ok,
    /// It is not there, and drs works without it.
    None,
    /// It is there, or asked for, and does not work.
    Bad,
}

/// What was looked at, what was found, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) state: State,
    pub(super) name: String,
    pub(super) found: String,
    /// `None` where nothing needs to be mended.
    pub(super) mend: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &str, found: impl Into<String>) -> Self {
        Self { state: State::Ok, name: name.to_owned(), found: found.into(), mend: None }
    }

    pub(super) fn none(name: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::None, mend: Some(mend.into()), ..Self::ok(name, found) }
    }

    pub(super) fn bad(name: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Bad, mend: Some(mend.into()), ..Self::ok(name, found) }
    }
}
