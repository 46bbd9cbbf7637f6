//! Why a run cannot begin, go on or end.

use std::io;
use std::path::Path;

use drs_analysis::LogError;
use drs_data::DataError;
use drs_router::{EngineError, NoThread, Panicked, RouteError, is_panic};

/// Why a run cannot begin, go on or end: in the words of the command line, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was asked for does not fit together, or not with what it names.
    #[error("{0}")]
    Usage(String),
    /// What is there is not what a run may use or replace.
    #[error("{0}")]
    Refused(String),
    /// A file cannot be read, written or removed.
    #[error("cannot {doing} {path}")]
    File {
        /// `read`, `write` or `remove`.
        doing: &'static str,
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something failed within something else.
    #[error("{context}")]
    Within {
        /// What it was about.
        context: String,
        /// What failed.
        source: Box<Self>,
    },
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The description of a run cannot be read.
    #[error(transparent)]
    Header(#[from] LogError),
    /// An input has no answer.
    #[error(transparent)]
    Answer(#[from] RouteError),
    /// A text is not what it should be.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A mistake in drs itself.
    #[error(transparent)]
    Panicked(#[from] Panicked),
    /// The machine gives no further thread.
    #[error(transparent)]
    NoThread(#[from] NoThread),
}

impl RunError {
    /// An error about a file, to be made of the system's.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { doing, path, source }
    }

    /// The error, told as a part of something.
    #[must_use]
    pub fn within(self, context: impl Into<String>) -> Self {
        Self::Within { context: context.into(), source: Box::new(self) }
    }

    /// The error with all that it comes from, in one line.
    #[must_use]
    pub fn in_full(&self) -> String {
        let chain = std::iter::successors(Some(self as &dyn std::error::Error), |e| e.source());
        chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// What failed first.
    fn root(&self) -> &Self {
        match self {
            Self::Within { source, .. } => source.root(),
            own => own,
        }
    }

    /// Whether another way to ask mends it.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self.root() {
            Self::Usage(_) => true,
            Self::Data(error) => error.is_usage(),
            _ => false,
        }
    }

    /// Whether it is a mistake in drs itself.
    #[must_use]
    pub fn is_bug(&self) -> bool {
        match self.root() {
            Self::Panicked(_) => true,
            Self::Answer(error) => is_panic(error),
            _ => false,
        }
    }

    /// Whether votes depended on more than their own input: then no result of the run holds.
    #[must_use]
    pub fn is_unsteady(&self) -> bool {
        matches!(self.root(), Self::Answer(RouteError::Votes(EngineError::Unsteady { .. })))
    }
}

/// Returns from a function with [`RunError::Usage`].
macro_rules! wrong_usage {
    ($($message:tt)*) => {
        return Err($crate::RunError::Usage(format!($($message)*)))
    };
}

/// Returns from a function with [`RunError::Refused`].
macro_rules! refuse {
    ($($message:tt)*) => {
        return Err($crate::RunError::Refused(format!($($message)*)))
    };
}

pub(crate) use {refuse, wrong_usage};
