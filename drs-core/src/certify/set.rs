//! The set-valued rule: the route stays within experts that agree.

use super::procedure::{Evidence, Judgement, Procedure, run};
use super::session::{Result, Session};
use super::{Outcome, routed};
use crate::rule;
use crate::source::VoteSource;

struct Set(routed::Routed);

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Outcome, S> {
    let (routed, stages) = routed::start(session, session.protocol.bounding)?;
    run(session, stages, &Set(routed))
}

impl Procedure for Set {
    fn judge(&self, evidence: &Evidence<'_, '_>) -> Judgement {
        let Self(routed) = self;
        let Some(prefixes) = routed.prefixes(evidence) else { return Judgement::abstain(None) };
        // The experts in order, up to the first that does not support the class.
        let claims = (0..routed.order.len()).map_while(|place| routed.claim(evidence, place));
        let margins: Vec<f64> = claims.map(|claim| claim.margin()).collect();
        let best = rule::set(routed.router, &prefixes, &margins);
        Judgement {
            class: routed.class,
            radius: best.radius,
            expert: Some(routed.order[0]),
            set: routed.order[..best.size].to_vec(),
            route: Some(best.route),
            class_radius: best.class,
        }
    }
}
