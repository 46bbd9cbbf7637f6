//! PREDICT: an answer without a radius, by the very classifier that a method certifies.
//!
//! A method's certificate speaks of one classifier H: it says that H answers with a class
//! everywhere within the radius. [`predict`] answers with H(x) itself, or abstains:
//!
//!   P(the answer is a class other than H(x)) ≤ α.
//!
//! | method | H |
//! | --- | --- |
//! | `one:NAME` | the expert's likeliest class |
//! | `dual`, `set` | the likeliest class of the expert that the router likes most (`hard`) |
//! | `maxmin`, `blend` | the class with the strongest claim, argmax_c F_c (`strongest`) |
//! | `multiscale` | the class that reaches ½ at the first scale where one does (`cascade`) |
//!
//! `set` proves more of the same H as `dual`, so both predict the same classifier. A
//! certificate at x and a prediction within its radius can therefore disagree only where one
//! of the two is wrong, with probability at most the sum of their α.
//!
//! There is no selection phase: the draws that choose the class also test it. What that costs
//! is derived where it is paid. Wherever it can be, an error is traced to H(x) itself, which is
//! fixed though unknown: then nothing is paid for what else might have been drawn.

mod cascade;
mod hard;
mod strongest;

use serde::{Deserialize, Serialize};

use super::session::{Result, Session};
use super::{CertifyError, charge, check, name};
use crate::certificate::{RECORD_VERSION, StageRecord};
use crate::pool::{Phase, Pool, Role};
use crate::protocol::{Method, Protocol};
use crate::source::VoteSource;
use crate::votes::VoteCounts;

/// An answer without a radius.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// Version of the record's layout.
    pub version: u32,
    /// Whose answer it is: the method that certifies the same classifier, by the
    /// [name](super::name) that certificates have.
    pub method: String,
    /// The class; with probability at most α it is not that of the method's classifier.
    /// `None` abstains.
    pub class: Option<usize>,
    /// The expert that the answer rests on, by index: the one routed to, that of the scale, or
    /// the first of those with the strongest claim. `None` if it is not known.
    pub expert: Option<usize>,
    /// The votes, in the order drawn.
    pub stages: Vec<StageRecord>,
}

/// Predicts one input's class by the classifier that `method` certifies.
///
/// Each model that is asked takes `protocol.n` draws, all of them; models whose votes cannot
/// change the answer any more are not asked. Of the protocol α and its split are used besides;
/// there is no selection, no look before the last draw and no choice of bounds.
///
/// # Errors
/// As [`certify`](super::certify()).
pub fn predict<S: VoteSource>(
    pool: &Pool,
    method: Method,
    protocol: &Protocol,
    source: &mut S,
) -> std::result::Result<Prediction, CertifyError<S::Error>> {
    check(pool, method, protocol)?;
    let (alpha, _) = charge(pool, method, protocol)?;
    let session = Session::new(pool, protocol, alpha, source);
    let mut poll = Poll { session, stages: Vec::new() };
    let Answer { class, expert } = match method {
        Method::One(expert) => hard::one(&mut poll, expert),
        Method::Dual => hard::dual(&mut poll),
        Method::Set => hard::set(&mut poll),
        Method::MaxMin => strongest::maxmin(&mut poll),
        Method::Blend => strongest::blend(&mut poll),
        Method::Multiscale => cascade::multiscale(&mut poll),
    }?;
    let (method, stages) = (name(pool, method), poll.stages);
    Ok(Prediction { version: RECORD_VERSION, method, class, expert, stages })
}

/// What a method's classifier answers, as far as the votes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    class: Option<usize>,
    expert: Option<usize>,
}

impl Answer {
    const ABSTAIN: Self = Self { class: None, expert: None };

    fn of(class: usize, expert: Option<usize>) -> Self {
        Self { class: Some(class), expert }
    }
}

/// A session that keeps the votes drawn.
struct Poll<'a, S> {
    session: Session<'a, S>,
    stages: Vec<StageRecord>,
}

impl<S: VoteSource> Poll<'_, S> {
    /// All votes of a role.
    fn ask(&mut self, role: Role) -> Result<VoteCounts, S> {
        let phase = Phase::Prediction;
        let votes = self.session.draw(role, phase, 0..self.session.protocol.n)?;
        let model = self.session.label(role);
        self.stages.push(StageRecord { model, phase, looks: vec![votes.clone()] });
        Ok(votes)
    }
}
