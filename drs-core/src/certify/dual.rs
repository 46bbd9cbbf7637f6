//! Dual randomized smoothing (Theorems 4.1 and 4.2): R = min(R_σ, R_c).

use super::procedure::{Evidence, Judgement, Procedure, run};
use super::session::{Result, Session};
use super::{Outcome, claim};
use crate::pool::Role;
use crate::source::VoteSource;
use crate::units::Sigma;

/// Stage 0 is the router's, stage 1 the routed expert's.
struct Dual {
    router: Sigma,
    expert: usize,
    sigma: Sigma,
    class: usize,
}

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Outcome, S> {
    let (route_alpha, class_alpha) = session.halves()?;
    let bounding = session.protocol.bounding;
    let mut route = claim::stage(session, Role::Router, None, route_alpha, bounding)?;
    route.advance(session)?;
    let expert = route.selected().unwrap_or(0);
    let role = Role::Expert(expert);
    let mut claim = claim::stage(session, role, None, class_alpha, bounding)?;
    claim.advance(session)?;
    let class = claim.selected().unwrap_or(0);
    let router = session.model(Role::Router)?.sigma;
    let dual = Dual { router, expert, sigma: session.model(role)?.sigma, class };
    run(session, vec![route, claim], &dual)
}

impl Procedure for Dual {
    fn judge(&self, evidence: &Evidence<'_, '_>) -> Judgement {
        let (Some(route), Some(claim)) = (evidence.bounds(0), evidence.bounds(1)) else {
            return Judgement::abstain(None);
        };
        let route = route.claim(self.router, self.expert).margin();
        if route <= 0.0 {
            return Judgement { radius: route, ..Judgement::abstain(Some(route)) };
        }
        let class_radius = claim.claim(self.sigma, self.class).margin();
        Judgement {
            class: self.class,
            radius: route.min(class_radius),
            expert: Some(self.expert),
            set: vec![self.expert],
            route: Some(route),
            class_radius,
        }
    }
}
