//! From votes to certificates: one procedure per method.
//!
//! A method lays out its stages, with the levels of all their bounds, and says
//! what the bounds add up to, by a [rule](crate::rule). One loop draws for all of
//! them (`procedure`): a [`VoteSource`] is asked for votes of the stage that
//! binds, until no draws that are left can matter.

mod blend;
mod claim;
mod dual;
mod maxmin;
mod multiscale;
mod one;
mod predict;
mod procedure;
mod route;
mod routed;
mod session;
mod set;
mod stage;

pub use predict::{Prediction, predict};

use crate::bounds::BoundError;
use crate::certificate::{Certificate, Provenance, RECORD_VERSION, StageRecord, Verdict};
use crate::pool::{Pool, Role};
use crate::protocol::{MOST_DRAWS, Method, Protocol, ProtocolError};
use crate::source::VoteSource;
use crate::units::Alpha;
use session::Session;

/// Why an input could not be certified. (Abstaining is no error.)
#[derive(Debug, thiserror::Error)]
pub enum CertifyError<E: std::error::Error + 'static> {
    /// The request is impossible.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// A model did not vote.
    #[error(transparent)]
    Votes(E),
    /// A bound did not converge.
    #[error(transparent)]
    Bound(#[from] BoundError),
    /// A source answered with the wrong number of classes or votes.
    #[error("{stage}: {found} votes over {classes} classes, expected {draws} over {expected}")]
    Counts {
        /// Address of the stage.
        stage: String,
        /// Votes found.
        found: u64,
        /// Classes found.
        classes: usize,
        /// Votes asked for.
        draws: u64,
        /// Classes of the model.
        expected: usize,
    },
}

/// The most classes that a pool may have.
///
/// Far beyond any data set; a record that claims more is no reason to allocate for them.
const MOST_CLASSES: usize = 1 << 16;

/// What a procedure hands back: the answer and the votes behind it.
type Outcome = (Verdict, Vec<StageRecord>);

/// Certifies one input.
///
/// With probability at least 1 − α over the draws, the class in the
/// certificate is the answer of the method's smoothed classifier everywhere
/// within the radius.
///
/// # Errors
/// If the protocol or pool does not fit the method, a model fails to vote, or a
/// bound does not converge.
pub fn certify<S: VoteSource>(
    pool: &Pool,
    method: Method,
    protocol: &Protocol,
    provenance: Option<Provenance>,
    source: &mut S,
) -> Result<Certificate, CertifyError<S::Error>> {
    check(pool, method, protocol)?;
    let (alpha, distance) = charge(pool, method, protocol)?;
    let mut session = Session::new(pool, protocol, alpha, source);
    let (verdict, stages) = match method {
        Method::One(expert) => one::certify(&mut session, expert),
        Method::Multiscale => multiscale::certify(&mut session),
        Method::Dual => dual::certify(&mut session),
        Method::Set => set::certify(&mut session),
        Method::MaxMin => maxmin::certify(&mut session),
        Method::Blend => blend::certify(&mut session),
    }?;
    let (bounds, cut) = session.finish();
    Ok(Certificate {
        version: RECORD_VERSION,
        method: name(pool, method),
        classes: Some(pool.classes),
        protocol: protocol.clone(),
        distance,
        blend: if method == Method::Blend { pool.blend.clone() } else { Vec::new() },
        provenance,
        stages,
        bounds,
        cut,
        verdict,
    })
}

/// The name of a method in records: `one:NAME`, `multiscale`, `dual`, `set`, `maxmin`, `blend`.
#[must_use]
pub fn name(pool: &Pool, method: Method) -> String {
    match method {
        Method::One(expert) => {
            format!("one:{}", pool.experts.get(expert).map_or("?", |model| model.name.as_str()))
        }
        Method::Multiscale => "multiscale".to_owned(),
        Method::Dual => "dual".to_owned(),
        Method::Set => "set".to_owned(),
        Method::MaxMin => "maxmin".to_owned(),
        Method::Blend => "blend".to_owned(),
    }
}

/// Tells whether a pool can be certified with by this method and protocol.
///
/// # Errors
/// If it cannot, and why.
pub fn check(pool: &Pool, method: Method, protocol: &Protocol) -> Result<(), ProtocolError> {
    for (name, found) in [("n0", protocol.n0), ("n", protocol.n)] {
        if !(1..=MOST_DRAWS).contains(&found) {
            return Err(ProtocolError::Draws { name, found });
        }
    }
    protocol.split.validate()?;
    protocol.sampling.validate()?;
    if pool.experts.is_empty() || pool.experts.len() > 64 {
        let found = pool.experts.len();
        return Err(ProtocolError::Pool(format!("{found} experts in the pool, expected 1 to 64")));
    }
    if !(2..=MOST_CLASSES).contains(&pool.classes) {
        let found = pool.classes;
        return Err(ProtocolError::Pool(format!(
            "{found} classes in the pool, expected 2 to {MOST_CLASSES}"
        )));
    }
    match method {
        Method::One(expert) if expert >= pool.experts.len() => {
            Err(ProtocolError::Pool(format!("no expert with index {expert} in the pool")))
        }
        Method::Dual | Method::Set | Method::MaxMin if pool.router.is_none() => {
            Err(ProtocolError::Pool(format!(
                "{} needs a router, the pool has none",
                name(pool, method)
            )))
        }
        Method::Blend => check_blend(pool),
        _ => Ok(()),
    }
}

fn check_blend(pool: &Pool) -> Result<(), ProtocolError> {
    if pool.blend.is_empty() {
        return Err(ProtocolError::Pool("blend needs terms, the pool has none".to_owned()));
    }
    for (index, term) in pool.blend.iter().enumerate() {
        let wrong = |problem: String| ProtocolError::Pool(format!("blend[{index}]: {problem}"));
        term.validate(pool.experts.len()).map_err(wrong)?;
        if term.route.is_some() && pool.router.is_none() {
            return Err(wrong("it has a route, the pool has no router".to_owned()));
        }
    }
    Ok(())
}

/// What is left of α after the sampler's distance from exact draws is charged
/// for every draw that the method may take, and that distance.
fn charge(pool: &Pool, method: Method, protocol: &Protocol) -> Result<(Alpha, f64), ProtocolError> {
    let per_draw: f64 = match method {
        Method::One(expert) => {
            pool.model(Role::Expert(expert)).map_or(0.0, |m| m.distance_per_draw)
        }
        _ => pool.router.iter().chain(&pool.experts).map(|model| model.distance_per_draw).sum(),
    };
    // A few roundings, all covered by the margin.
    let distance = per_draw * (protocol.n0 + protocol.n) as f64 * (1.0 + 1e-12);
    let alpha = protocol.alpha.get();
    Alpha::new((alpha - distance).next_down())
        .map(|left| (left, distance))
        .map_err(|_| ProtocolError::Distance { distance, alpha })
}
