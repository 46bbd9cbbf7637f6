//! What is told to a client, and why a server does not start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The pool does not open.
    #[error("{0}")]
    Pool(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("{}: {problem}", path.display())]
    Tls {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Traces cannot be sent there.
    #[error("traces to {endpoint}: {problem}")]
    Traces {
        /// Where.
        endpoint: String,
        /// Why.
        problem: String,
    },
    /// A last trial found a model that votes on more than its input.
    #[error("nothing holds that this server has certified: {0}")]
    Unsteady(String),
    /// The system gives no threads, or no signals.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

/// Whose fault it is, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request is wrong.
    Invalid,
    /// It names what is not there.
    Unknown,
    /// No token, or a wrong one.
    Unauthorized,
    /// It is for another host.
    Misdirected,
    /// It is larger than may be.
    TooLarge,
    /// It was not sent in time.
    TooSlow,
    /// There is no room; it may be sent again after this.
    Busy(Duration),
    /// Its deadline passed before a class was chosen.
    Late,
    /// The server ends.
    Ending,
    /// A model failed.
    Failed,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self::new(Kind::Unknown, message)
    }
}

impl Kind {
    /// As metrics name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID",
            Self::Unknown => "UNKNOWN",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Misdirected => "MISDIRECTED",
            Self::TooLarge => "TOO_LARGE",
            Self::TooSlow => "TOO_SLOW",
            Self::Busy(_) => "REJECTED",
            Self::Late => "DEADLINE",
            Self::Ending => "ENDING",
            Self::Failed => "BACKEND",
        }
    }
}
