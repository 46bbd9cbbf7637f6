//! What the draws of a run settled, and what they left open.

use std::fmt;

use drs_core::certificate::{Certificate, counts_at};
use drs_core::protocol::Protocol;
use drs_core::sampling::{Sampling, Stopping};
use drs_core::units::Sigma;

/// At which radii a run was drawn until it was decided whether an input is certified.
///
/// A radius in a log always holds. But draws that stop once a question is answered leave
/// open how large it would be with all N draws: at radii that were not asked about, the
/// share of inputs certified in the log is a lower bound on what the run could certify.
#[derive(Debug, Clone, PartialEq)]
pub enum Decided {
    /// At every radius: no draws were saved that could raise one.
    Everywhere,
    /// As these rules asked; more than one in a log of several runs.
    Stopped(Vec<Stopped>),
    /// It cannot be told from the log, or a clock ended the draws: nothing counts as decided.
    Unknown,
}

/// When draws of an input stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Stopped {
    /// Once this was decided.
    pub rule: Stopping,
    /// No radius can be larger, whatever is drawn; +∞ where that is not known.
    pub ceiling: f64,
}

impl Decided {
    /// By the draws that a certificate rests on.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        if certificate.cut {
            return Self::Unknown;
        }
        let models = certificate.provenance.iter().flat_map(|provenance| &provenance.models);
        Self::by(&certificate.protocol, models.map(|model| model.sigma))
    }

    /// By draws of models with these noise levels that were taken like this.
    #[must_use]
    pub fn by(protocol: &Protocol, sigmas: impl IntoIterator<Item = Sigma>) -> Self {
        let ceilings = sigmas.into_iter().map(|sigma| protocol.ceiling(sigma));
        let ceiling = ceilings.reduce(f64::max).unwrap_or(f64::INFINITY);
        match &protocol.sampling {
            Sampling::Fixed => Self::Everywhere,
            Sampling::Sequential(sequential) => match &sequential.stopping {
                Stopping::Full => Self::Everywhere,
                Stopping::Tolerance(share) if *share <= 0.0 => Self::Everywhere,
                rule => Self::Stopped(vec![Stopped { rule: rule.clone(), ceiling }]),
            },
        }
    }

    /// What is decided in inputs of both kinds together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Everywhere, rest) | (rest, Self::Everywhere) => rest,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Stopped(mut rules), Self::Stopped(more)) => {
                for other in more {
                    match rules.iter_mut().find(|own| own.rule == other.rule) {
                        Some(own) => own.ceiling = own.ceiling.max(other.ceiling),
                        None => rules.push(other),
                    }
                }
                Self::Stopped(rules)
            }
        }
    }

    /// The largest radius that an input may have with all draws, given the one that it
    /// has; `None` is an input that abstained, or will.
    ///
    /// As far as draws are given up by the forecast that `drs_core` makes.
    #[must_use]
    pub fn most(&self, radius: Option<f64>) -> Option<f64> {
        match self {
            Self::Everywhere => radius,
            Self::Unknown => Some(f64::INFINITY),
            Self::Stopped(rules) => {
                rules.iter().filter_map(|stopped| stopped.most(radius)).reduce(f64::max)
            }
        }
    }

    /// The radii that were asked about, rising; none where the question was another.
    #[must_use]
    pub fn radii(&self) -> Vec<f64> {
        let Self::Stopped(rules) = self else { return Vec::new() };
        let asked = |stopped: &Stopped| match &stopped.rule {
            Stopping::Radii(radii) => radii.clone(),
            Stopping::Full | Stopping::Tolerance(_) => Vec::new(),
        };
        let all = rules.iter().map(asked).reduce(|all, own| shared(&all, &own));
        let mut radii = all.unwrap_or_default();
        radii.sort_by(f64::total_cmp);
        radii.dedup();
        radii
    }
}

/// Of these radii those that are in both.
pub(crate) fn shared(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().copied().filter(|radius| b.contains(radius)).collect()
}

impl Stopped {
    /// As [`Decided::most`].
    fn most(&self, radius: Option<f64>) -> Option<f64> {
        let most = match &self.rule {
            Stopping::Full => radius,
            Stopping::Tolerance(share) => radius.map(|radius| (radius * (1.0 + share)).next_up()),
            Stopping::Radii(radii) => {
                // An answer stays one; who abstained has nothing yet.
                let counts = |at: f64| radius.is_some_and(|own| at == 0.0 || counts_at(own, at));
                let refused = radii.iter().copied().filter(|&at| !counts(at));
                let end = refused.reduce(f64::min).map_or(f64::INFINITY, f64::next_down);
                (end >= 0.0).then_some(end)
            }
        };
        // A log may say more than its draws allow; what it says is still the least there is.
        most.map(|most| most.min(self.ceiling).max(radius.unwrap_or(0.0)))
    }
}

impl fmt::Display for Decided {
    /// Completes "its inputs were drawn until …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("no draws could raise a radius"),
            Self::Unknown => f.write_str("nobody knows what was decided"),
            Self::Stopped(rules) => {
                for (place, Stopped { rule, .. }) in rules.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", or until " })?;
                    match rule {
                        Stopping::Full => f.write_str("no draws could raise a radius")?,
                        Stopping::Tolerance(share) => write!(
                            f,
                            "more draws could raise a radius by at most {} %",
                            short(100.0 * share)
                        )?,
                        Stopping::Radii(radii) => write!(f, "r = {} was decided", listed(radii))?,
                    }
                }
                Ok(())
            }
        }
    }
}

/// Radii for people: of many the first two and the last.
fn listed(radii: &[f64]) -> String {
    let text = |radii: &[f64]| radii.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    match radii {
        [first, second, .., last] if radii.len() > 6 => format!("{first}, {second}, ..., {last}"),
        _ => text(radii),
    }
}

/// Without zeros at its end.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use drs_core::sampling::Sequential;

    use super::*;

    fn stopped(stopping: Stopping) -> Decided {
        by(Sampling::Sequential(Sequential::new(stopping)), None)
    }

    fn by(sampling: Sampling, sigma: Option<f64>) -> Decided {
        let protocol = Protocol { sampling, ..Protocol::default() };
        Decided::by(&protocol, sigma.map(|sigma| Sigma::new(sigma).unwrap()))
    }

    #[test]
    fn radii_that_were_asked_about_bound_what_more_draws_could_give() {
        let grid = stopped(Stopping::Radii(vec![0.5, 0.0, 1.0]));
        assert_eq!(grid.radii(), [0.0, 0.5, 1.0]);
        assert_eq!(grid.most(None), None, "abstained, and 0 was decided");
        assert_eq!(grid.most(Some(0.3)), Some(0.5f64.next_down()));
        assert_eq!(grid.most(Some(0.5)), Some(1.0f64.next_down()), "0.5 counts at 0.5");
        assert_eq!(grid.most(Some(1.2)), Some(f64::INFINITY), "nothing was asked beyond 1");
        // A printed radius may be 0.000000 where there is an answer.
        assert_eq!(grid.most(Some(0.0)), Some(0.5f64.next_down()));
        let one = stopped(Stopping::Radii(vec![0.5]));
        assert_eq!(one.most(None), Some(0.5f64.next_down()), "nobody asked about 0");
    }

    #[test]
    fn no_draws_reach_beyond_what_all_of_them_for_one_class_would_give() {
        let grid = Stopping::Radii(vec![0.0, 0.5, 1.0]);
        let grid = by(Sampling::Sequential(Sequential::new(grid)), Some(0.5));
        // 0.001^(1/10,000), and Φ⁻¹ of that, by SciPy.
        let ceiling = 0.5 * 3.198_577_514_738_331;
        let most = grid.most(Some(1.2)).unwrap();
        assert!((most - ceiling).abs() < 1e-6, "{most}");
        assert_eq!(grid.most(Some(0.5)), Some(1.0f64.next_down()), "what was asked binds first");
        assert_eq!(grid.most(Some(3.0)), Some(3.0), "a radius in the log is there");
        let near = by(Sampling::Sequential(Sequential::new(Stopping::Tolerance(0.25))), Some(0.5));
        assert_eq!(near.most(Some(1.5)), Some(most));
    }

    #[test]
    fn a_tolerance_leaves_its_share_open_everywhere() {
        let near = stopped(Stopping::Tolerance(0.25));
        let most = near.most(Some(1.0)).unwrap();
        assert!((1.25..1.25 + 1e-12).contains(&most), "{most}");
        assert_eq!((near.most(None), near.radii()), (None, vec![]));
    }

    #[test]
    fn what_took_all_draws_is_exact_and_what_cannot_be_told_is_open() {
        for sampling in [Sampling::Fixed, Sampling::Sequential(Sequential::new(Stopping::Full))] {
            let exact = by(sampling, Some(0.5));
            assert_eq!((exact.most(Some(0.5)), exact.most(None)), (Some(0.5), None));
        }
        assert_eq!(Decided::Unknown.most(None), Some(f64::INFINITY));
    }

    #[test]
    fn several_rules_decide_what_each_of_them_does() {
        let both = stopped(Stopping::Radii(vec![0.0, 0.5, 1.0]))
            .and(Decided::Everywhere)
            .and(stopped(Stopping::Radii(vec![0.5, 2.0])));
        assert_eq!(both.radii(), [0.5]);
        assert_eq!(both.most(Some(0.6)), Some(2.0f64.next_down()));
        assert_eq!(both.clone().and(both.clone()), both);
        assert_eq!(both.to_string(), "r = 0, 0.5, 1 was decided, or until r = 0.5, 2 was decided");
        let grid = stopped(Stopping::Radii((0..11).map(f64::from).collect()));
        assert_eq!(grid.to_string(), "r = 0, 1, ..., 10 was decided");
        assert_eq!(both.and(Decided::Unknown), Decided::Unknown);
    }
}
