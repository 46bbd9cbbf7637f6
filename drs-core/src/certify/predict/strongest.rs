//! argmax_c F_c: the class with the strongest claim, for `maxmin` and `blend`.
//!
//! F_c is monotone in the signed radii s_i^c of the experts and t_S of the router, so bounds
//! on probabilities give F̲_c ≤ F_c ≤ F̄_c. The answer is y if F̲_y > F̄_z for every other z:
//! what the rule needs for a radius above zero. It is wrong if H(x) = y* ≠ y, thus F_y ≤ F_y*,
//! and yet F̲_y > F̄_y*. Then one of two things happened:
//!
//! * **F̄_y* < F_y*.** F_y* is reached by one set of experts (or one term), which the input
//!   fixes. F̄_y* takes that set into account, so one of *its* upper bounds, on p_i^y* of its
//!   experts or on its route, failed. Neither other classes nor other sets matter: each
//!   expert's upper bounds spend that expert's share, not divided by classes, and the
//!   router's are not divided by sets.
//! * **F̲_y > F_y for a y ≠ y*.** One of C − 1 classes, so lower bounds spend 1/(C − 1) of
//!   their share. For one y let v = F_y, and let all lower bounds on p_i^y hold.
//!   * `maxmin`: the set S that gives F̲_y has s_i ≥ s̲_i > v for all its experts, so it lies
//!     within G, the set of *all* experts with s_i^y > v. t_G ≤ v, as F_y = v; and t̲_S ≤ t̲_G,
//!     since G has at least the votes of S and all sets' bounds have one level. So the bound
//!     on G failed: one bound for each y, whatever sets there are. (G is not the set of all
//!     experts, whose t is +∞. There are at most 2^K − 2 sets to be G, which may be fewer than
//!     classes.)
//!   * `blend`: the term that gives F̲_y has its support above v, so its consent is at most v and
//!     was bounded above it: the bound on its route failed. One bound for each route that terms
//!     ask for, whatever the class.
//!
//! All these add up to α: the split's `route` goes to the router, of each model's part
//! `others` to upper bounds. Bounds of models that were not asked are trivially true; so it is
//! free to stop asking as soon as an answer is clear.

use std::collections::HashMap;

use super::{Answer, Poll};
use crate::bounds::{BoundError, lower, upper};
use crate::certify::session::Result;
use crate::pool::Role;
use crate::protocol::ProtocolError;
use crate::rule::{
    ExpertSet, Term, outward, signed_radius_lower, signed_radius_upper, strongest_set,
    strongest_term,
};
use crate::source::VoteSource;
use crate::units::{Alpha, Sigma, UnitError};
use crate::votes::VoteCounts;

/// `maxmin`. The experts share their α evenly: nothing that is known in advance tells which of
/// them will matter. They are asked in the order in which the router prefers them.
pub(super) fn maxmin<S: VoteSource>(poll: &mut Poll<'_, S>) -> Result<Answer, S> {
    let (route_alpha, class_alpha) = poll.session.halves()?;
    let (classes, count) = (poll.session.pool.classes, poll.session.pool.experts.len());
    let alphas = poll.session.shares(class_alpha, 1.0, count)?;
    // 2^K − 2 overflows for no K of a pool, which has 64 at most; for one expert there is no set.
    let sets = 1u64.checked_shl(count as u32).map_or(u64::MAX, |all| all - 2).max(1);
    let divided = (classes as u64 - 1).min(sets);
    let levels = levels(poll, route_alpha, divided)?;
    let mut router = Bounds::ask(poll, Role::Router, levels)?;
    let order = router.votes.order();
    let mut experts = Signed::unknown(classes, count);
    for &expert in &order {
        let levels = self::levels(poll, alphas[expert], classes as u64 - 1)?;
        experts.learn(expert, Bounds::ask(poll, Role::Expert(expert), levels)?)?;
        let mut strongest = |class: usize, side: usize| {
            let t = |set| Ok::<f64, BoundError>(router.of(set)?[side]);
            strongest_set(experts.of(class, side), t)
        };
        let lower = (0..classes).map(|class| strongest(class, LOWER));
        let lower = lower.collect::<std::result::Result<Vec<_>, _>>()?;
        let upper = (0..classes).map(|class| Ok(strongest(class, UPPER)?.radius));
        let upper = upper.collect::<std::result::Result<Vec<_>, BoundError>>()?;
        let claims: Vec<f64> = lower.iter().map(|claim| claim.radius).collect();
        if let Some(class) = clear(&claims, &upper) {
            let first = order.iter().copied().find(|expert| lower[class].set.contains(expert));
            return Ok(Answer::of(class, first));
        }
    }
    Ok(Answer::ABSTAIN)
}

/// `blend`. Experts share their α as for a certificate, in the order of the terms, and are
/// asked in it.
pub(super) fn blend<S: VoteSource>(poll: &mut Poll<'_, S>) -> Result<Answer, S> {
    let pool = poll.session.pool;
    let (terms, classes, count) = (pool.blend.as_slice(), pool.classes, pool.experts.len());
    let mut sets: Vec<ExpertSet> = Vec::new();
    for set in terms.iter().filter_map(Term::set) {
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    let mut class_alpha = poll.session.alpha;
    let mut routes = vec![[f64::NEG_INFINITY, f64::INFINITY]; terms.len()];
    if !sets.is_empty() {
        let (route_alpha, rest) = poll.session.halves()?;
        class_alpha = rest;
        let levels = levels(poll, route_alpha, sets.len() as u64)?;
        let mut router = Bounds::ask(poll, Role::Router, levels)?;
        for (term, route) in terms.iter().zip(&mut routes) {
            if let Some(set) = term.set() {
                *route = router.of(set)?;
            }
        }
    }
    let routes = [LOWER, UPPER].map(|side| routes.iter().map(|t| t[side]).collect::<Vec<f64>>());
    let asked = crate::certify::blend::asked(terms);
    let factor = poll.session.split().next_expert;
    let alphas = poll.session.shares(class_alpha, factor, asked.len())?;
    let mut experts = Signed::unknown(classes, count);
    for (&expert, &alpha) in asked.iter().zip(&alphas) {
        let levels = levels(poll, alpha, classes as u64 - 1)?;
        experts.learn(expert, Bounds::ask(poll, Role::Expert(expert), levels)?)?;
        let strongest = |side: usize| {
            let of = |class| strongest_term(terms, experts.of(class, side), &routes[side]);
            (0..classes).map(of).collect::<Vec<_>>()
        };
        // Weighted means are rounded: moved outward by more than that.
        let moved = |claims: &[(usize, f64)], sign| {
            claims.iter().map(|&(_, claim)| outward(claim, sign)).collect::<Vec<_>>()
        };
        let lower = strongest(LOWER);
        if let Some(class) = clear(&moved(&lower, -1.0), &moved(&strongest(UPPER), 1.0)) {
            let term = terms.get(lower[class].0);
            return Ok(Answer::of(class, term.and_then(Term::heaviest)));
        }
    }
    Ok(Answer::ABSTAIN)
}

/// The class whose claim is above what any other may claim.
fn clear(lower: &[f64], upper: &[f64]) -> Option<usize> {
    let best = (0..lower.len()).max_by(|&a, &b| lower[a].total_cmp(&lower[b]))?;
    let mut others = upper.iter().enumerate().filter(|&(class, _)| class != best);
    others.all(|(_, &upper)| lower[best] > upper).then_some(best)
}

/// Places of a lower and an upper bound.
const LOWER: usize = 0;
const UPPER: usize = 1;

/// Levels of a model's lower bounds and of its upper bounds, out of `alpha`; the lower ones'
/// part is divided among so many.
fn levels<S: VoteSource>(poll: &Poll<'_, S>, alpha: Alpha, divided: u64) -> Result<[Alpha; 2], S> {
    let others = poll.session.split().others;
    let shares = |alpha: Alpha| -> std::result::Result<[Alpha; 2], UnitError> {
        let each = (1.0 - others) / divided as f64 * (1.0 - 1e-12);
        Ok([alpha.share(each)?, alpha.share(others)?])
    };
    Ok(shares(alpha).map_err(ProtocolError::Alpha)?)
}

/// Bounds on the signed radii that one model's votes give.
struct Bounds {
    votes: VoteCounts,
    sigma: Sigma,
    levels: [Alpha; 2],
    /// By count: most options share one, and each bound costs microseconds.
    known: HashMap<u64, [f64; 2]>,
}

impl Bounds {
    fn ask<S: VoteSource>(
        poll: &mut Poll<'_, S>,
        role: Role,
        levels: [Alpha; 2],
    ) -> Result<Self, S> {
        let votes = poll.ask(role)?;
        let sigma = poll.session.model(role)?.sigma;
        Ok(Self { votes, sigma, levels, known: HashMap::new() })
    }

    /// Bounds on σ·Φ⁻¹(P(the vote is of this set)); t of all options is +∞.
    fn of(&mut self, set: ExpertSet) -> std::result::Result<[f64; 2], BoundError> {
        let options = self.votes.counts().len();
        if (0..options).all(|option| set.has(option)) {
            return Ok([f64::INFINITY; 2]);
        }
        let of = (0..options).filter(|&option| set.has(option)).map(|option| self.votes.of(option));
        self.at(of.sum())
    }

    fn at(&mut self, count: u64) -> std::result::Result<[f64; 2], BoundError> {
        if let Some(&known) = self.known.get(&count) {
            return Ok(known);
        }
        let draws = self.votes.total();
        let bounds = [
            signed_radius_lower(self.sigma, lower(count, draws, self.levels[LOWER])?),
            signed_radius_upper(self.sigma, upper(count, draws, self.levels[UPPER])?),
        ];
        self.known.insert(count, bounds);
        Ok(bounds)
    }
}

/// Bounds on every expert's signed radius for every class.
struct Signed {
    /// By side, class and expert.
    bounds: [Vec<Vec<f64>>; 2],
}

impl Signed {
    /// What holds of experts that were not asked.
    fn unknown(classes: usize, experts: usize) -> Self {
        let nothing = |bound| vec![vec![bound; experts]; classes];
        Self { bounds: [nothing(f64::NEG_INFINITY), nothing(f64::INFINITY)] }
    }

    fn learn(&mut self, expert: usize, mut bounds: Bounds) -> std::result::Result<(), BoundError> {
        for class in 0..bounds.votes.counts().len() {
            let both = bounds.at(bounds.votes.of(class))?;
            for (side, bound) in both.into_iter().enumerate() {
                self.bounds[side][class][expert] = bound;
            }
        }
        Ok(())
    }

    /// The experts' bounds for a class.
    fn of(&self, class: usize, side: usize) -> &[f64] {
        &self.bounds[side][class]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::predict::predict;
    use crate::pool::{Model, Pool, Stage};
    use crate::protocol::{Method, Protocol};
    use crate::source::VoteSource;

    /// Every option has the same number of votes.
    struct Even<'a>(&'a Pool);

    impl VoteSource for Even<'_> {
        type Error = std::convert::Infallible;

        fn votes(
            &mut self,
            stage: Stage,
            draws: std::ops::Range<u64>,
        ) -> std::result::Result<VoteCounts, Self::Error> {
            let options = self.0.options(stage.role);
            let mut counts = vec![0; options];
            draws.for_each(|draw| counts[draw as usize % options] += 1);
            Ok(VoteCounts::new(counts).unwrap())
        }
    }

    fn pool(experts: usize, classes: usize) -> Pool {
        let model = |name: String| {
            let sigma = Sigma::new(0.5).unwrap();
            Model { name, sigma, distance_per_draw: 0.0 }
        };
        let term = |route| {
            let weights = (0..experts).map(|i| u32::from(i == 0)).collect();
            Term { weights, offset: 0.0, cap: Some(0.0), route }
        };
        Pool {
            router: Some(model("router".into())),
            experts: (0..experts).map(|i| model(format!("e{i}"))).collect(),
            classes,
            blend: vec![term(Some(vec![0])), term(None)],
        }
    }

    #[test]
    fn the_largest_pools_are_no_overflow_and_level_votes_no_answer() {
        for (experts, classes) in [(1, 2), (2, 5), (64, 1000)] {
            let pool = pool(experts, classes);
            for method in [Method::MaxMin, Method::Blend] {
                let protocol = Protocol { n: 2000, ..Protocol::default() };
                let found = predict(&pool, method, &protocol, &mut Even(&pool)).unwrap();
                assert_eq!(found.class, None, "{method:?}");
            }
        }
    }

    #[test]
    fn a_model_s_levels_add_up_to_its_share() {
        let (pool, protocol) = (pool(2, 10), Protocol::default());
        let mut source = Even(&pool);
        let session =
            crate::certify::session::Session::new(&pool, &protocol, protocol.alpha, &mut source);
        let poll = Poll { session, stages: Vec::new() };
        for divided in [1, 9, 999, u64::MAX] {
            let alpha = Alpha::new(0.0005).unwrap();
            let [lower, upper] = levels(&poll, alpha, divided).unwrap();
            let spent = upper.get() + divided as f64 * lower.get();
            assert!(spent <= alpha.get() && spent > 0.999 * alpha.get(), "{spent}");
        }
    }

    #[test]
    fn only_what_is_above_all_others_is_clear() {
        let nothing = f64::NEG_INFINITY;
        assert_eq!(clear(&[0.1, nothing], &[0.3, 0.0]), Some(0));
        assert_eq!(clear(&[0.1, nothing], &[0.3, 0.1]), None, "level is not above");
        assert_eq!(clear(&[nothing, nothing], &[0.3, 0.1]), None);
        assert_eq!(clear(&[nothing, nothing], &[nothing, nothing]), None);
    }
}
