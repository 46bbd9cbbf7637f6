//! Dual randomized smoothing (Theorems 4.1 and 4.2): R = min(R_σ, R_c).

use super::session::{Result, Session};
use crate::certificate::Verdict;
use crate::pool::{Role, VoteSource};

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Verdict, S> {
    let (route_alpha, class_alpha) = session.halves()?;
    let route = session.select_and_claim(Role::Router, route_alpha)?;
    if route.margin() <= 0.0 {
        // The router abstains: there is no expert whose draws could help.
        let (none, margin) = (f64::NEG_INFINITY, route.margin());
        return Ok(Verdict::new(0, none, None, Vec::new(), Some(margin), none));
    }
    let expert = route.class();
    let claim = session.select_and_claim(Role::Expert(expert), class_alpha)?;
    let radius = route.margin().min(claim.margin());
    let route = Some(route.margin());
    Ok(Verdict::new(claim.class(), radius, Some(expert), vec![expert], route, claim.margin()))
}
