//! Certificates that others wrote: does every number follow from the votes?
//!
//! [`verify()`] makes the certificate again by [`certify`](crate::certify()) itself, on a source
//! that answers with the record's own votes. So the levels of α, the looks, the bounds, when
//! drawing stopped, the rule and the verdict are all recomputed by the code that certifies, and
//! the whole of it must come out equal. [`replay`] also draws the votes again.
//!
//! Without a replay the counts are taken on trust: whoever writes a record can invent votes.

mod difference;
mod recorded;
mod replay;
mod statement;

pub use difference::{difference, item};
pub use replay::{Agreement, LEVEL, ReplayError, TOLERANCE, replay};
pub use statement::Statement;

use std::fmt;

use serde::Serialize;

use crate::certificate::Certificate;
use crate::certify::{CertifyError, certify};
use crate::text::printable;
use recorded::{Recorded, Unrecorded};

/// Why a record is not accepted: the first field that does not follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Path of the field in the certificate, as in `bounds[1].lower`.
    pub field: String,
    /// What the record has there.
    pub found: String,
    /// What it should have.
    pub expected: String,
}

impl Rejection {
    /// From a field and what was found and expected there.
    pub fn new(
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), found: found.into(), expected: expected.into() }
    }

    /// From an error message of the form "…, expected …".
    #[must_use]
    pub fn told(field: &str, message: &str) -> Self {
        match message.split_once(", expected ") {
            Some((found, expected)) => Self::new(field, found, expected),
            None => Self::new(field, message, "a record that `drs certify` can have written"),
        }
    }

    /// The same of a field further in: `within` is put before its path.
    #[must_use]
    pub fn within(self, within: &str) -> Self {
        let field = match self.field.as_str() {
            "" => within.to_owned(),
            place if place.starts_with('[') => format!("{within}{place}"),
            field => format!("{within}.{field}"),
        };
        Self { field, ..self }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All three may hold words of the record.
        let [field, found, expected] =
            [&self.field, &self.found, &self.expected].map(|text| printable(text));
        write!(f, "{field}: {found}, expected {expected}")
    }
}

impl std::error::Error for Rejection {}

/// Accepts a certificate only if every field of it follows from its votes, protocol and models.
///
/// Numbers are compared exactly: the same code in the same machine arithmetic wrote them.
/// What nothing follows from is not judged: the digests, the seed, the plugins' names and
/// how the input was given. Those a [`replay`] checks.
///
/// # Errors
/// The first field that does not follow, or why nothing can be recomputed.
pub fn verify(certificate: &Certificate) -> Result<(), Rejection> {
    let Statement { pool, method } = Statement::of(certificate)?;
    let mut source = Recorded::new(&pool, certificate);
    let (protocol, provenance) = (&certificate.protocol, certificate.provenance.clone());
    let expected = certify(&pool, method, protocol, provenance, &mut source).map_err(rejection)?;
    if *certificate == expected {
        return Ok(());
    }
    let nowhere = || Rejection::new("certificate", "a number", "the one that follows");
    Err(first_difference(certificate, &expected).unwrap_or_else(nowhere))
}

/// Causes before what follows from them, then whatever else there is.
fn first_difference(found: &Certificate, expected: &Certificate) -> Option<Rejection> {
    fn at<T: Serialize>(field: &str, found: &T, expected: &T) -> Option<Rejection> {
        difference(found, expected).map(|rejection| rejection.within(field))
    }
    at("distance", &found.distance, &expected.distance)
        .or_else(|| at("blend", &found.blend, &expected.blend))
        .or_else(|| at("stages", &found.stages, &expected.stages))
        .or_else(|| at("bounds", &found.bounds, &expected.bounds))
        .or_else(|| difference(found, expected))
}

fn rejection(error: CertifyError<Unrecorded>) -> Rejection {
    match error {
        CertifyError::Votes(Unrecorded { rejection, .. }) => rejection,
        CertifyError::Protocol(error) => Rejection::told("protocol", &error.to_string()),
        CertifyError::Bound(error) => Rejection::told("stages", &error.to_string()),
        error @ CertifyError::Counts { .. } => Rejection::told("stages", &error.to_string()),
    }
}
