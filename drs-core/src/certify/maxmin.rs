//! The max–min rule: the strongest claim on a class, whatever the route.

use super::procedure::{Evidence, Judgement, Procedure, run};
use super::session::{Result, Session};
use super::{Outcome, routed};
use crate::protocol::Bounding;
use crate::rule::{Claim, maxmin};
use crate::source::VoteSource;

struct MaxMin {
    routed: routed::Routed,
    classes: usize,
}

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Outcome, S> {
    let (routed, stages) = routed::start(session, Bounding::TwoSided)?;
    let classes = session.pool.classes;
    run(session, stages, &MaxMin { routed, classes })
}

impl Procedure for MaxMin {
    fn judge(&self, evidence: &Evidence<'_, '_>) -> Judgement {
        let routed = &self.routed;
        let Some(route) = routed.sets(evidence) else { return Judgement::abstain(None) };
        let mut claims: Vec<Option<Claim>> = vec![None; routed.order.len()];
        for (place, &expert) in routed.order.iter().enumerate() {
            claims[expert] = routed.claim(evidence, place);
        }
        let best = maxmin(routed.class, self.classes, &route, &claims);
        Judgement {
            class: routed.class,
            radius: best.radius,
            expert: Some(routed.order[0]),
            set: best.set,
            route: Some(best.route),
            class_radius: best.class,
        }
    }
}
