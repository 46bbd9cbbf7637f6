//! What the user should know before trusting the choice of models.

use std::fmt;

use drs_core::pool::Pool;

/// Something legal that is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(String);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The warnings of a pool.
pub(super) fn of(pool: &Pool) -> Vec<Warning> {
    let largest = pool.experts.iter().max_by(|a, b| a.sigma.get().total_cmp(&b.sigma.get()));
    let (Some(router), Some(largest)) = (&pool.router, largest) else { return Vec::new() };
    let (sigma, needed) = (router.sigma.get(), largest.sigma.get());
    if sigma >= needed {
        return Vec::new();
    }
    vec![Warning(format!(
        "the router's sigma {sigma} is below expert {}'s {needed}: at equal votes the route holds for {:.0} % of the distance that the expert reaches, and binds there; train the router at sigma {needed} or more",
        largest.name,
        (100.0 * sigma / needed).floor()
    ))]
}
