//! Every rule against an adversarial search, on problems whose probabilities
//! are known exactly; and the same rules, broken, to show that the search bites.

mod common;

use common::{Bands, Problem, argmax};
use drs_core::protocol::Method;
use drs_core::rule::{
    Claim, ExpertSet, RouteBounds, blend, maxmin, multiscale, set, signed_radius_upper,
};
use drs_core::units::Sigma;

const PROBLEMS: u64 = 600;

fn sigma(value: f64) -> Sigma {
    Sigma::new(value).unwrap()
}

/// What the closed forms may be off by in double precision.
const SLACK: f64 = 1e-9;

/// The claim that exact knowledge of p supports.
fn claim(model: &Bands, x: &[f64], class: usize, two_sided: bool) -> Claim {
    let p = model.probabilities(x);
    let upper = p.iter().map(|p| if two_sided { p + SLACK } else { 1.0 });
    Claim::new(sigma(model.sigma), class, p[class] - SLACK, &upper.collect::<Vec<_>>())
}

struct Routed {
    order: Vec<usize>,
    class: usize,
    route: Claim,
    prefixes: Vec<f64>,
    bounds: RouteBounds,
}

/// What the routed rules start from, with exact probabilities for bounds.
fn routed(problem: &Problem) -> Routed {
    let p = problem.router.probabilities(&problem.x);
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let sigma_e = sigma(problem.router.sigma);
    let mut bounds = RouteBounds::new(p.len());
    let mut prefixes = Vec::new();
    for size in 1..p.len() {
        let members = ExpertSet::of(&order[..size]);
        let mass: f64 = order[..size].iter().map(|&i| p[i]).sum();
        bounds = bounds.with(sigma_e, members, mass - SLACK);
        prefixes.push(bounds.lower(members));
    }
    let class = problem.one(order[0], &problem.x);
    let route = claim(&problem.router, &problem.x, order[0], false);
    Routed { order, class, route, prefixes, bounds }
}

/// Runs a rule over all problems; it gives (class, radius), and `answer` is the
/// classifier that it speaks of. Returns (certified, counter-examples).
fn attack(
    rule: impl Fn(&Problem) -> (usize, f64),
    answer: impl Fn(&Problem, &[f64]) -> usize,
) -> (usize, usize) {
    let (mut certified, mut broken) = (0, 0);
    for seed in 0..PROBLEMS {
        let problem = Problem::random(seed);
        let (class, radius) = rule(&problem);
        if radius > 0.0 && radius.is_finite() {
            certified += 1;
            let found = problem.counter_example(radius, class, |x| answer(&problem, x));
            broken += usize::from(found.is_some());
        }
    }
    (certified, broken)
}

fn holds((certified, broken): (usize, usize)) {
    assert!(certified > PROBLEMS as usize / 5, "only {certified} certified");
    assert_eq!(broken, 0, "of {certified}");
}

fn breaks((certified, broken): (usize, usize)) {
    assert!(broken > 0, "no counter-example among {certified}");
}

fn one(problem: &Problem, two_sided: bool) -> (usize, f64) {
    let class = problem.one(0, &problem.x);
    (class, claim(&problem.experts[0], &problem.x, class, two_sided).margin())
}

#[test]
fn one_sigma() {
    for two_sided in [false, true] {
        holds(attack(|p| one(p, two_sided), |p, x| p.one(0, x)));
        let stretched = |p: &Problem| (one(p, two_sided).0, one(p, two_sided).1 * 1.3);
        breaks(attack(stretched, |p, x| p.one(0, x)));
    }
}

fn dual(problem: &Problem, two_sided: bool) -> (usize, f64) {
    let Routed { order, class, .. } = routed(problem);
    let route = claim(&problem.router, &problem.x, order[0], two_sided);
    let claim = claim(&problem.experts[order[0]], &problem.x, class, two_sided);
    (class, route.margin().min(claim.margin()))
}

#[test]
fn the_dual_rule() {
    for two_sided in [false, true] {
        holds(attack(|p| dual(p, two_sided), |p, x| p.routed(x)));
    }
    // Without the route's radius.
    let broken = |p: &Problem| {
        let Routed { order, class, .. } = routed(p);
        (class, claim(&p.experts[order[0]], &p.x, class, false).margin())
    };
    breaks(attack(broken, |p, x| p.routed(x)));
}

/// The set rule; `free` leaves out what a set must pay for being one.
fn set_rule(problem: &Problem, free: bool) -> (usize, f64) {
    let Routed { order, class, prefixes, .. } = routed(problem);
    let margins: Vec<f64> = order
        .iter()
        .map(|&i| claim(&problem.experts[i], &problem.x, class, false).margin())
        .collect();
    if !free {
        return (class, set(sigma(problem.router.sigma), &prefixes, &margins).radius);
    }
    let mut agreed = f64::INFINITY;
    let radii = margins.iter().enumerate().map(|(index, &margin)| {
        agreed = agreed.min(margin);
        agreed.min(prefixes.get(index).copied().unwrap_or(f64::INFINITY))
    });
    (class, radii.fold(f64::NEG_INFINITY, f64::max))
}

#[test]
fn the_set_rule() {
    holds(attack(|p| set_rule(p, false), |p, x| p.routed(x)));
    breaks(attack(|p| set_rule(p, true), |p, x| p.routed(x)));
}

fn claims(problem: &Problem, class: usize, two_sided: bool) -> Vec<Option<Claim>> {
    let claim = |expert| Some(claim(expert, &problem.x, class, two_sided));
    problem.experts.iter().map(claim).collect()
}

#[test]
fn the_maxmin_rule() {
    for two_sided in [false, true] {
        let rule = |p: &Problem| {
            let Routed { class, bounds, .. } = routed(p);
            (class, maxmin(class, p.classes, &bounds, &claims(p, class, two_sided)).radius)
        };
        holds(attack(rule, |p, x| p.maxmin(x)));
    }
    // Without the experts that got no votes: still sound.
    let lazy = |p: &Problem| {
        let Routed { class, bounds, order, .. } = routed(p);
        let mut claims = claims(p, class, true);
        order[1..].iter().for_each(|&i| claims[i] = None);
        (class, maxmin(class, p.classes, &bounds, &claims).radius)
    };
    holds(attack(lazy, |p, x| p.maxmin(x)));
    // Without the route: the best expert's radius.
    let no_route = |p: &Problem| {
        let Routed { class, .. } = routed(p);
        let best = claims(p, class, false).into_iter().flatten().map(|c| c.margin());
        (class, best.fold(f64::NEG_INFINITY, f64::max))
    };
    breaks(attack(no_route, |p, x| p.maxmin(x)));
    // The full gap instead of half of it.
    let whole_gap = |p: &Problem| {
        let Routed { class, bounds, .. } = routed(p);
        (class, 2.0 * maxmin(class, p.classes, &bounds, &claims(p, class, true)).radius)
    };
    breaks(attack(whole_gap, |p, x| p.maxmin(x)));
}

/// The cascade; `forget` leaves out the scales that were passed.
fn cascade(problem: &Problem, forget: bool) -> (usize, f64) {
    let mut scales: Vec<&Bands> = problem.experts.iter().collect();
    scales.sort_by(|a, b| b.sigma.total_cmp(&a.sigma));
    let mut passed: Vec<Vec<f64>> = Vec::new();
    for scale in scales {
        let p = scale.probabilities(&problem.x);
        let class = argmax(&p);
        if p[class] > 0.5 {
            let lower = claim(scale, &problem.x, class, false).lower();
            return (class, multiscale(if forget { &[] } else { &passed }, class, lower));
        }
        passed
            .push(p.iter().map(|&p| signed_radius_upper(sigma(scale.sigma), p + SLACK)).collect());
    }
    (0, f64::NEG_INFINITY)
}

#[test]
fn the_multiscale_cascade() {
    let answer = |p: &Problem, x: &[f64]| p.answer(Method::Multiscale, x);
    holds(attack(|p| cascade(p, false), answer));
    breaks(attack(|p| cascade(p, true), answer));
}

#[test]
fn maxmin_is_never_below_the_paper_s_rule_on_the_same_bounds() {
    let mut above = 0;
    for seed in 0..PROBLEMS {
        let problem = Problem::random(seed);
        let Routed { order, class, route, bounds, .. } = routed(&problem);
        for two_sided in [false, true] {
            let claims = claims(&problem, class, two_sided);
            let paper = route.margin().min(claims[order[0]].as_ref().unwrap().lower());
            for known in 1..=order.len() {
                let mut claims = claims.clone();
                order[known..].iter().for_each(|&i| claims[i] = None);
                let ours = maxmin(class, problem.classes, &bounds, &claims).radius;
                assert!(ours >= paper - 1e-12 || paper <= 0.0, "seed {seed}: {ours} < {paper}");
                above += usize::from(paper > 0.0 && ours > paper + 1e-6);
            }
        }
    }
    assert!(above > 100, "{above} above");
}

/// The blended rule; `broken` takes one of its parts away.
fn blended(problem: &Problem, broken: Option<&str>) -> (usize, f64) {
    let bounds = routed(problem).bounds;
    let mut terms = problem.blend.clone();
    if broken == Some("route") {
        // As if the router always consented.
        terms.iter_mut().filter(|term| term.route.is_some()).for_each(|term| {
            (term.route, term.cap) = (None, None);
        });
    }
    let class = problem.blended(&problem.x);
    let claims: Vec<Option<Claim>> =
        problem.experts.iter().map(|expert| Some(claim(expert, &problem.x, class, true))).collect();
    let found = blend(&terms, class, problem.classes, Some(&bounds), &claims);
    // As if the others did not gain what the class loses.
    let stretch = if broken == Some("rivals") { 2.0 } else { 1.0 };
    (class, found.radius * stretch)
}

#[test]
fn the_blended_rule() {
    holds(attack(|p| blended(p, None), |p, x| p.blended(x)));
    for part in ["route", "rivals"] {
        breaks(attack(|p| blended(p, Some(part)), |p, x| p.blended(x)));
    }
}
