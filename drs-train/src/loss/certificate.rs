//! A smooth form of the `maxmin` certificate.

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

/// Probabilities of the route are taken for at least this far from 0 and 1.
const CLAMP: f64 = 1e-4;
/// Instead of infinity, for the set of all experts.
const FAR: f64 = 100.0;

/// −Σ_r w_r·1\[R > r\] for each input, softened.
///
/// R = ½(F_y − max_z F_z) with F_c = max_S min(t_S, min_{i∈S} s_i^c), as
/// `drs_core::rule::maxmin` has it; t_S = σ_e·Φ⁻¹(P(router ∈ S)), P the mean
/// softmax over the copies. `logits` are `[copies, n, experts]`, `own` the signed
/// radii of the true class `[n, experts]`, `rivals` those of the others
/// `[n, experts, classes − 1]`.
pub fn certificate(
    logits: &Tensor,
    own: &Tensor,
    rivals: &Tensor,
    settings: Certificate<'_>,
) -> Tensor {
    let Certificate { radii, weights, softness, sigma } = settings;
    let route = logits.softmax(-1, Kind::Float).mean_dim(0, false, Kind::Float);
    let experts = route.size()[1];
    let (mut claims, mut counterclaims) = (Vec::new(), Vec::new());
    for set in 1..1i64 << experts {
        let members: Vec<i64> = (0..experts).filter(|expert| set >> expert & 1 == 1).collect();
        let all = i64::try_from(members.len()) == Ok(experts);
        let members = Tensor::from_slice(&members).to_device(route.device());
        let held = if all {
            route.select(1, 0).full_like(FAR)
        } else {
            let probability =
                route.index_select(1, &members).sum_dim_intlist(1, false, Kind::Float);
            probability.clamp(CLAMP, 1.0 - CLAMP).special_ndtri() * sigma
        };
        let weakest = |radii: &Tensor| soft_min(&radii.index_select(1, &members), 1, softness);
        let claim = Tensor::stack(&[&held, &weakest(own)], -1);
        claims.push(soft_min(&claim, -1, softness));
        let rivals = weakest(rivals);
        let held = held.unsqueeze(-1).expand_as(&rivals);
        counterclaims.push(soft_min(&Tensor::stack(&[&held, &rivals], -1), -1, softness));
    }
    let own = soft_max(&Tensor::stack(&claims, -1), -1, softness);
    let rival = soft_max(&Tensor::stack(&counterclaims, -1), -1, softness);
    let rival = soft_max(&rival, -1, softness);
    let radius = (own - rival) * 0.5;
    let mut loss = radius.zeros_like();
    for (place, at) in radii.iter().enumerate() {
        let weight = weights.get(place).copied().unwrap_or(1.0);
        loss -= ((&radius - *at) / softness).sigmoid() * weight;
    }
    loss
}

/// Between the maximum and the mean: what is added for n equal values is taken off.
fn soft_max(values: &Tensor, dim: i64, softness: f64) -> Tensor {
    let count = values.size()[usize::try_from(dim).unwrap_or(values.dim() - 1)] as f64;
    ((values / softness).logsumexp([dim].as_slice(), false) - count.ln()) * softness
}

fn soft_min(values: &Tensor, dim: i64, softness: f64) -> Tensor {
    -soft_max(&-values, dim, softness)
}
