//! One σ: CERTIFY of Cohen et al. 2019.

use super::procedure::{Evidence, Judgement, Procedure, run};
use super::session::{Result, Session};
use super::{Outcome, claim};
use crate::pool::Role;
use crate::source::VoteSource;
use crate::units::Sigma;

struct One {
    expert: usize,
    sigma: Sigma,
    class: usize,
}

pub(super) fn certify<S: VoteSource>(
    session: &mut Session<'_, S>,
    expert: usize,
) -> Result<Outcome, S> {
    let role = Role::Expert(expert);
    let bounding = session.protocol.bounding;
    let mut stage = claim::stage(session, role, None, session.alpha, bounding)?;
    stage.advance(session)?;
    let class = stage.selected().unwrap_or(0);
    let one = One { expert, sigma: session.model(role)?.sigma, class };
    run(session, vec![stage], &one)
}

impl Procedure for One {
    fn judge(&self, evidence: &Evidence<'_, '_>) -> Judgement {
        let Some(bounds) = evidence.bounds(0) else { return Judgement::abstain(None) };
        let margin = bounds.claim(self.sigma, self.class).margin();
        Judgement {
            class: self.class,
            radius: margin,
            expert: Some(self.expert),
            set: vec![self.expert],
            route: None,
            class_radius: margin,
        }
    }
}
