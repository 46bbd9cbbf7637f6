//! The max–min rule: draws go to further experts only while they can still help.

use super::session::{Result, Session};
use super::set::prefix_bounds;
use crate::bounds::lower;
use crate::certificate::Verdict;
use crate::pool::{Phase, Role, VoteSource};
use crate::protocol::Bounding;
use crate::rule::{Claim, ClaimLevels, maxmin};

pub(super) fn certify<S: VoteSource>(session: &mut Session<'_, S>) -> Result<Verdict, S> {
    let (route_alpha, class_alpha) = session.halves()?;
    let order = session.draw(Role::Router, Phase::Selection)?.order();
    let votes = session.draw(Role::Router, Phase::Estimation)?;
    let (_, route) = prefix_bounds(session, &order, &votes, route_alpha)?;
    let alphas = session.shares(class_alpha, session.split().next_expert, order.len())?;
    let mut levels = Vec::with_capacity(order.len());
    for (&expert, &alpha) in order.iter().zip(&alphas) {
        levels.push(session.levels(Role::Expert(expert), alpha, Bounding::TwoSided)?);
    }

    // The class is the first expert's choice; all bounds that may be asked for
    // are fixed from here on, whichever of them are.
    let first = Role::Expert(order[0]);
    let class = session.draw(first, Phase::Selection)?.top();
    let votes = session.draw(first, Phase::Estimation)?;
    let mut claims: Vec<Option<Claim>> = vec![None; order.len()];
    claims[order[0]] = Some(session.claim(first, &votes, class, levels[0])?);

    let classes = session.pool.classes;
    for next in 1..order.len() {
        let now = maxmin(class, classes, &route, &claims).radius.max(0.0);
        let mut hopeful = claims.clone();
        for (&expert, &levels) in order.iter().zip(&levels).skip(next) {
            hopeful[expert] = Some(unanimous(session, expert, class, levels)?);
        }
        if maxmin(class, classes, &route, &hopeful).radius <= now {
            break;
        }
        let role = Role::Expert(order[next]);
        // A cheap look first: an expert that prefers another class will not
        // support this one. Leaving it out can only lose radius.
        if session.draw(role, Phase::Selection)?.top() != class {
            continue;
        }
        let votes = session.draw(role, Phase::Estimation)?;
        claims[order[next]] = Some(session.claim(role, &votes, class, levels[next])?);
    }
    let best = maxmin(class, classes, &route, &claims);
    let route = Some(best.route);
    Ok(Verdict::new(class, best.radius, Some(order[0]), best.set, route, best.class))
}

/// The strongest claim that an expert's draws could still support.
fn unanimous<S: VoteSource>(
    session: &Session<'_, S>,
    expert: usize,
    class: usize,
    levels: ClaimLevels,
) -> Result<Claim, S> {
    let sigma = session.model(Role::Expert(expert))?.sigma;
    let p = lower(session.protocol.n, session.protocol.n, levels.lower)?;
    let none = match levels.upper {
        Some(alpha) => 1.0 - lower(session.protocol.n, session.protocol.n, alpha)?,
        None => 1.0 - p,
    };
    Ok(Claim::new(sigma, class, p, &vec![none; session.pool.classes]))
}
