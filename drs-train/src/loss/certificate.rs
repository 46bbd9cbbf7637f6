//! A smooth form of the certificates that a router is judged by.

use tch::{Kind, Tensor};

/// Settings of [`certificate`].
#[derive(Debug, Clone, Copy)]
pub struct Certificate<'a> {
    /// The radii that count.
    pub radii: &'a [f64],
    /// How much; equally if empty.
    pub weights: &'a [f64],
    /// How soft minima, maxima and thresholds are, in units of radius.
    pub softness: f64,
    /// The router's noise level.
    pub sigma: f64,
}

/// One way to support a class: as far as the experts do, and with consent.
#[derive(Debug)]
pub struct Claim {
    /// Support of the true class, `[n]`.
    pub own: Tensor,
    /// Support of each other class, `[n, classes − 1]`.
    pub rivals: Tensor,
    /// What may be claimed without the router; without limit if there is no route either.
    pub cap: Option<f64>,
    /// The router's answers that allow more.
    pub route: Option<Vec<i64>>,
}

/// Probabilities of the route are taken for at least this far from 0 and 1.
const CLAMP: f64 = 1e-4;
/// Instead of infinity.
const FAR: f64 = 100.0;

/// The claims of `maxmin`: for each set of experts the weakest member's support, as
/// far as the router stays within the set. `own` are the signed radii of the
/// true class `[n, experts]`, `rivals` those of the others `[n, experts, classes − 1]`.
#[must_use]
pub fn maxmin_claims(own: &Tensor, rivals: &Tensor) -> Vec<Claim> {
    let experts = own.size()[1];
    let sets = (1..1i64 << experts).map(|set| {
        let members: Vec<i64> = (0..experts).filter(|expert| set >> expert & 1 == 1).collect();
        let among = Tensor::from_slice(&members).to_device(own.device());
        let weakest = |radii: &Tensor| radii.index_select(1, &among).amin([1i64].as_slice(), false);
        let all = i64::try_from(members.len()) == Ok(experts);
        Claim {
            own: weakest(own),
            rivals: weakest(rivals),
            cap: None,
            route: (!all).then_some(members),
        }
    });
    sets.collect()
}

/// −Σ_r w_r·1\[R ≥ r\] for each input, softened, under H = argmax_c F_c with F_c the
/// largest of the claims, each the smaller of its support and its consent.
///
/// R ≥ r if F_y is still at least every F_z when every support and every t_S has moved
/// by r against it (`drs_core::rule::blend`; for `maxmin` this is R = ½(F_y − max F_z)).
/// t_S = σ_e·Φ⁻¹(P(router ∈ S)), P the mean softmax over the copies. `logits` are
/// `[copies, n, experts]`.
pub fn certificate(logits: &Tensor, claims: &[Claim], settings: Certificate<'_>) -> Tensor {
    let Certificate { radii, weights, softness, sigma } = settings;
    let route = logits.softmax(-1, Kind::Float).mean_dim(0, false, Kind::Float);
    let held: Vec<Tensor> = claims.iter().map(|claim| t(claim, &route, sigma)).collect();
    let held = Tensor::stack(&held, -1);
    let caps: Vec<f64> = claims.iter().map(|claim| claim.cap.unwrap_or(-FAR)).collect();
    let caps = Tensor::from_slice(&caps).to_kind(Kind::Float).to_device(route.device());
    let own = Tensor::stack(&claims.iter().map(|claim| &claim.own).collect::<Vec<_>>(), -1);
    let rivals = Tensor::stack(&claims.iter().map(|claim| &claim.rivals).collect::<Vec<_>>(), -1);
    // The larger of cap and t; exact where they are far apart.
    let consent = |moved: f64| {
        let caps = caps.expand_as(&held);
        let both = Tensor::stack(&[&caps, &(&held + moved)], -1);
        (both / softness).logsumexp([-1i64].as_slice(), false) * softness
    };
    let strongest = |support: &Tensor, consent: &Tensor| {
        let claims = Tensor::stack(&[support, &consent.expand_as(support)], -1);
        soft_max(&soft_min(&claims, softness), softness)
    };
    let mut loss = route.select(1, 0).zeros_like();
    for (place, &at) in radii.iter().enumerate() {
        let weight = weights.get(place).copied().unwrap_or(1.0);
        let own = strongest(&(&own - at), &consent(-at));
        let rival = strongest(&(&rivals + at), &consent(at).unsqueeze(1));
        let margin = (own - soft_max(&rival, softness)) * 0.5;
        loss -= (margin / softness).sigmoid() * weight;
    }
    loss
}

/// The router's signed radius for a claim, `[n]`.
fn t(claim: &Claim, route: &Tensor, sigma: f64) -> Tensor {
    let never = route.select(1, 0).zeros_like();
    match (&claim.route, claim.cap) {
        (None, None) => never + FAR,
        (None, Some(_)) => never - FAR,
        (Some(members), _) => {
            let members = Tensor::from_slice(members).to_device(route.device());
            let probability =
                route.index_select(1, &members).sum_dim_intlist(1, false, Kind::Float);
            probability.clamp(CLAMP, 1.0 - CLAMP).special_ndtri() * sigma
        }
    }
}

/// Over the last axis, between the maximum and the mean: what is added for n equal
/// values is taken off.
fn soft_max(values: &Tensor, softness: f64) -> Tensor {
    let count = values.size()[values.dim() - 1] as f64;
    ((values / softness).logsumexp([-1i64].as_slice(), false) - count.ln()) * softness
}

fn soft_min(values: &Tensor, softness: f64) -> Tensor {
    -soft_max(&-values, softness)
}
