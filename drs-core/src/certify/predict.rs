//! PREDICT (Cohen et al. 2019, Algorithm 1), at both stages of a routed answer.

use serde::{Deserialize, Serialize};

use super::session::{Result, Session};
use super::{CertifyError, charge, check, name};
use crate::bounds::two_sided_p_value;
use crate::certificate::{RECORD_VERSION, StageRecord};
use crate::pool::{Phase, Pool, Role, VoteSource};
use crate::protocol::{Method, Protocol};
use crate::units::Alpha;

/// An answer without a radius.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// Version of the record's layout.
    pub version: u32,
    /// `one:NAME`, or `dual` for a routed prediction.
    pub method: String,
    /// The smoothed classifier's class, wrong with probability at most α; `None` abstains.
    pub class: Option<usize>,
    /// The expert that answered, by index; `None` if the router abstains.
    pub expert: Option<usize>,
    /// The votes, in the order drawn.
    pub stages: Vec<StageRecord>,
}

/// Predicts one input's class: by one expert, or by the expert that the router chooses.
///
/// Each stage takes `protocol.n` draws and abstains unless the two-sided
/// binomial test tells its two most frequent answers apart; the stages share α.
/// The protocol's sampling is not used: PREDICT takes a fixed number.
///
/// # Errors
/// As [`certify`](super::certify).
pub fn predict<S: VoteSource>(
    pool: &Pool,
    expert: Option<usize>,
    protocol: &Protocol,
    source: &mut S,
) -> std::result::Result<Prediction, CertifyError<S::Error>> {
    let method = expert.map_or(Method::Dual, Method::One);
    check(pool, method, protocol)?;
    let (alpha, _) = charge(pool, method, protocol)?;
    let mut session = Session::new(pool, protocol, alpha, source);
    let mut stages = Vec::new();
    let (expert, alpha) = match expert {
        Some(expert) => (Some(expert), alpha),
        None => {
            let (route, class) = session.halves()?;
            (winner(&mut session, Role::Router, route, &mut stages)?, class)
        }
    };
    let class = match expert {
        Some(expert) => winner(&mut session, Role::Expert(expert), alpha, &mut stages)?,
        None => None,
    };
    Ok(Prediction { version: RECORD_VERSION, method: name(pool, method), class, expert, stages })
}

fn winner<S: VoteSource>(
    session: &mut Session<'_, S>,
    role: Role,
    alpha: Alpha,
    stages: &mut Vec<StageRecord>,
) -> Result<Option<usize>, S> {
    let phase = Phase::Prediction;
    let votes = session.draw(role, phase, 0..session.protocol.n)?;
    let model = session.label(role);
    stages.push(StageRecord { model, phase, looks: vec![votes.clone()] });
    let order = votes.order();
    let first = votes.of(order[0]);
    let second = order.get(1).map_or(0, |&class| votes.of(class));
    let p = two_sided_p_value(first, first + second)?;
    Ok((p <= alpha.get()).then_some(order[0]))
}
