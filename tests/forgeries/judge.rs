//! What a record may claim, and verifiers that get it wrong in one way each.

use std::ops::Range;

use drs_core::bounds;
use drs_core::certificate::{BoundRecord, Certificate};
use drs_core::certify;
use drs_core::pool::{Model, Phase, Pool, Role, Stage};
use drs_core::protocol::{Bounding, Method, Protocol};
use drs_core::rule::signed_radius_lower;
use drs_core::sampling::Sampling;
use drs_core::source::VoteSource;
use drs_core::units::Alpha;
use drs_core::votes::VoteCounts;

use crate::plain;

/// A verifier's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Takes the sampler's distance as the record has it.
    Distance,
    /// Takes the look that the record has for the only one that was ever planned.
    Looks,
    /// Takes the bounds as the record has them.
    Bounds,
    /// Takes the bounds' levels as the record has them.
    Levels,
    /// Does not look at the verdict.
    Verdict,
    /// Does not ask whether a class was selected by the selection draws.
    Selection,
}

impl Flaw {
    pub(crate) const ALL: [Self; 6] =
        [Self::Distance, Self::Looks, Self::Bounds, Self::Levels, Self::Verdict, Self::Selection];

    /// Whether a verifier with this flaw accepts.
    pub(crate) fn accepts(self, record: &Certificate) -> bool {
        match self {
            Self::Distance => {
                let pool = trusting(record);
                let again = pool.and_then(|pool| again(record, &pool, &record.protocol));
                again.is_some_and(|again| {
                    Certificate { distance: record.distance, ..again } == *record
                })
            }
            Self::Looks => in_one_look(record).is_some_and(|again| again == *record),
            Self::Bounds => bounded(record)
                .is_some_and(|(class, lower, _)| verdict_from(record, class, lower).is_some()),
            Self::Levels => bounded(record).is_some_and(|(class, lower, alpha)| {
                level(record, class, alpha) == Some(lower)
                    && verdict_from(record, class, lower).is_some()
            }),
            Self::Verdict => recomputed(record).is_some_and(|again| {
                Certificate { verdict: record.verdict.clone(), ..again } == *record
            }),
            Self::Selection => bounded(record).is_some_and(|(class, lower, alpha)| {
                Some(alpha) == honest_level(record)
                    && level(record, class, alpha) == Some(lower)
                    && verdict_from(record, class, lower).is_some()
            }),
        }
    }

    /// A record that this flaw would let pass, made from an honest one; not every record will do.
    pub(crate) fn forge(self, honest: &Certificate) -> Option<Certificate> {
        let alone = honest.method.starts_with("one:");
        let one_sided = honest.protocol.bounding == Bounding::OneSided;
        match self {
            Self::Distance => {
                let forged =
                    Certificate { distance: -honest.protocol.alpha.get(), ..honest.clone() };
                let again = again(&forged, &trusting(&forged)?, &forged.protocol)?;
                Some(Certificate { distance: forged.distance, ..again })
            }
            Self::Looks => {
                let mut forged = honest.clone();
                let estimations = forged.stages.iter_mut().filter(|s| s.phase == Phase::Estimation);
                estimations.for_each(|stage| drop(stage.looks.drain(..stage.looks.len() - 1)));
                in_one_look(&forged)
            }
            Self::Bounds if alone && one_sided => {
                let mut forged = honest.clone();
                let Some(BoundRecord::Class { lower, class, .. }) = forged.bounds.first_mut()
                else {
                    return None;
                };
                *lower = 0.5 * (1.0 + *lower);
                let (class, lower) = (*class, *lower);
                with_verdict(forged, class, lower)
            }
            Self::Levels if alone && one_sided => {
                let mut forged = honest.clone();
                let generous = Alpha::new(0.4).ok()?;
                let (chosen, _, _) = bounded(&forged)?;
                let bound = level(&forged, chosen, generous)?;
                let Some(BoundRecord::Class { lower, alpha, .. }) = forged.bounds.first_mut()
                else {
                    return None;
                };
                (*lower, *alpha) = (bound, generous);
                with_verdict(forged, chosen, bound)
            }
            Self::Verdict => {
                let mut forged = honest.clone();
                forged.verdict.class =
                    Some(forged.verdict.class.map_or(0, |class| class.saturating_add(1)));
                Some(forged)
            }
            Self::Selection if alone && one_sided => {
                // The class that the estimation draws prefer, selected or not.
                let mut forged = honest.clone();
                let votes = estimation(&forged)?.clone();
                let selected = bounded(&forged)?.0;
                let other = (0..votes.counts().len()).find(|&class| class != selected)?;
                let mut turned: Vec<u64> = votes.counts().to_vec();
                turned.swap(selected, other);
                let stage = forged.stages.iter_mut().find(|s| s.phase == Phase::Estimation)?;
                *stage.looks.last_mut()? = VoteCounts::new(turned).ok()?;
                let alpha = honest_level(&forged)?;
                let bound = level(&forged, other, alpha)?;
                let Some(BoundRecord::Class { lower, class, .. }) = forged.bounds.first_mut()
                else {
                    return None;
                };
                (*lower, *class) = (bound, other);
                with_verdict(forged, other, bound)
            }
            _ => None,
        }
    }
}

/// Whether an accepted record claims more than its votes support: another class or a larger
/// radius than certifying them gives, or than plain formulas give.
pub(crate) fn overclaims(record: &Certificate) -> bool {
    let (class, radius) = (record.verdict.class, record.verdict.radius.get());
    if class.is_none() {
        return radius > 0.0;
    }
    let honest = recomputed(record).map(|again| again.verdict);
    if honest.is_none_or(|may| may.class != class || radius > may.radius.get()) {
        return true;
    }
    plain::claim(record).is_some_and(|(may, most)| may != class || radius > most + plain::SLACK)
}

/// The certificate that a record's votes give under its protocol; `None` if they do not give any.
pub(crate) fn recomputed(record: &Certificate) -> Option<Certificate> {
    again(record, &honest_pool(record)?, &record.protocol)
}

/// A pool whose models are as far from the normal distribution as the sampler is.
fn honest_pool(record: &Certificate) -> Option<Pool> {
    pool(record, |sigma, levels, values| {
        (2.0 * (sigma * levels * 10.6).ceil() + 3.0) * 2f64.powi(-80) * values
    })
}

/// A pool whose models add up to the distance that the record states.
fn trusting(record: &Certificate) -> Option<Pool> {
    let models = match record.method.starts_with("one:") {
        true => 1,
        false => record.provenance.as_ref()?.models.len(),
    };
    let draws = record.protocol.n0.checked_add(record.protocol.n)?;
    let each = record.distance / models as f64 / draws as f64;
    pool(record, |_, _, _| each)
}

fn pool(record: &Certificate, distance: impl Fn(f64, f64, f64) -> f64) -> Option<Pool> {
    let provenance = record.provenance.as_ref()?;
    let levels = f64::from(provenance.input.quantum.levels());
    let values = provenance.input.shape.values() as f64;
    let mut experts: Vec<Model> = Vec::new();
    for model in &provenance.models {
        if experts.iter().any(|other| other.name == model.name) {
            return None;
        }
        let distance_per_draw = distance(model.sigma.get(), levels, values);
        experts.push(Model { name: model.name.clone(), sigma: model.sigma, distance_per_draw });
    }
    let router = experts.first().is_some_and(|model| model.name == "router");
    let router = router.then(|| experts.remove(0));
    Some(Pool { router, experts, classes: record.classes?, blend: record.blend.clone() })
}

fn again(record: &Certificate, pool: &Pool, protocol: &Protocol) -> Option<Certificate> {
    let mut source = Votes { pool, record, left: usize::MAX, cut: record.cut };
    certify(pool, method(record, pool)?, protocol, record.provenance.clone(), &mut source).ok()
}

fn method(record: &Certificate, pool: &Pool) -> Option<Method> {
    Some(match record.method.as_str() {
        "multiscale" => Method::Multiscale,
        "dual" => Method::Dual,
        "set" => Method::Set,
        "maxmin" => Method::MaxMin,
        "blend" => Method::Blend,
        one => {
            let name = one.strip_prefix("one:")?;
            Method::One(pool.experts.iter().position(|expert| expert.name == name)?)
        }
    })
}

/// The record, had the looks that it holds been planned as the only ones; one σ only.
fn in_one_look(record: &Certificate) -> Option<Certificate> {
    let votes = estimation(record)?;
    let mut estimations = record.stages.iter().filter(|stage| stage.phase == Phase::Estimation);
    let single = estimations.all(|stage| stage.looks.len() == 1);
    if !single || !record.method.starts_with("one:") {
        return None;
    }
    let n = votes.counts().iter().try_fold(0u64, |sum, &count| sum.checked_add(count))?;
    let protocol = Protocol { sampling: Sampling::Fixed, n, ..record.protocol.clone() };
    let again = again(record, &trusting(record)?, &protocol)?;
    let (protocol, distance) = (record.protocol.clone(), record.distance);
    Some(Certificate { protocol, distance, ..again })
}

/// Class, bound and level of a one-sided certificate of one expert.
fn bounded(record: &Certificate) -> Option<(usize, f64, Alpha)> {
    match record.bounds.as_slice() {
        [BoundRecord::Class { class, lower, alpha, others_alpha: None, .. }]
            if record.method.starts_with("one:") && (0.0..1.0).contains(lower) =>
        {
            Some((*class, *lower, *alpha))
        }
        _ => None,
    }
}

/// The record with the verdict that its bound gives.
fn with_verdict(mut record: Certificate, class: usize, lower: f64) -> Option<Certificate> {
    record.verdict = verdict(&record, class, lower)?;
    Some(record)
}

fn verdict_from(record: &Certificate, class: usize, lower: f64) -> Option<()> {
    (verdict(record, class, lower)? == record.verdict).then_some(())
}

fn verdict(
    record: &Certificate,
    class: usize,
    lower: f64,
) -> Option<drs_core::certificate::Verdict> {
    let name = record.method.strip_prefix("one:")?;
    let provenance = record.provenance.as_ref()?;
    let model = provenance.models.iter().find(|model| model.name == name)?;
    let radius = drs_core::units::Radius::new(signed_radius_lower(model.sigma, lower)).ok()?;
    let mut verdict = record.verdict.clone();
    (verdict.class, verdict.radius, verdict.class_radius) = (Some(class), radius, radius);
    Some(verdict)
}

fn estimation(record: &Certificate) -> Option<&VoteCounts> {
    record.stages.iter().find(|stage| stage.phase == Phase::Estimation)?.looks.last()
}

/// The bound of a fixed design at a level, on the last look that there is.
fn level(record: &Certificate, class: usize, alpha: Alpha) -> Option<f64> {
    let votes = estimation(record)?;
    let total = votes.counts().iter().try_fold(0u64, |sum, &count| sum.checked_add(count))?;
    if record.protocol.sampling != Sampling::Fixed || total != record.protocol.n {
        return None;
    }
    bounds::lower(votes.of(class), total, alpha).ok()
}

/// The level of the honest record's bound.
fn honest_level(record: &Certificate) -> Option<Alpha> {
    bounded(&recomputed(record)?).map(|(_, _, alpha)| alpha)
}

/// A record of the same votes, had the time been up after so many of its looks; `None` if there would
/// be no answer yet.
pub(crate) fn cut(record: &Certificate, looks: usize) -> Option<Certificate> {
    let pool = honest_pool(record)?;
    let mut source = Votes { pool: &pool, record, left: looks, cut: true };
    let method = method(record, &pool)?;
    certify(&pool, method, &record.protocol, record.provenance.clone(), &mut source).ok()
}

/// Answers from a record's own looks.
struct Votes<'a> {
    pool: &'a Pool,
    record: &'a Certificate,
    /// So many times.
    left: usize,
    /// Whether the time is up where votes are missing.
    cut: bool,
}

/// Why a record does not answer.
#[derive(Debug, thiserror::Error)]
enum No {
    #[error("the record has no such votes")]
    Missing,
    #[error("the record's votes contradict each other")]
    Odd,
}

impl VoteSource for Votes<'_> {
    type Error = No;

    fn votes(&mut self, stage: Stage, draws: Range<u64>) -> Result<VoteCounts, No> {
        self.left = self.left.checked_sub(1).ok_or(No::Missing)?;
        let name = match stage.role {
            Role::Router => "router",
            Role::Expert(expert) => &self.pool.experts[expert].name,
        };
        let mut stages = self.record.stages.iter();
        let entry = stages.find(|entry| entry.model == name && entry.phase == stage.phase);
        let looks = &entry.ok_or(No::Missing)?.looks;
        let upto = |end: u64| -> Result<Vec<u64>, No> {
            let total = |look: &&VoteCounts| {
                look.counts().iter().try_fold(0u64, |sum, &count| sum.checked_add(count))
                    == Some(end)
            };
            looks.iter().find(total).map(|look| look.counts().to_vec()).ok_or(No::Missing)
        };
        let mut counts = upto(draws.end)?;
        if draws.start > 0 {
            for (count, earlier) in counts.iter_mut().zip(upto(draws.start)?) {
                *count = count.checked_sub(earlier).ok_or(No::Odd)?;
            }
        }
        VoteCounts::new(counts).map_err(|_| No::Odd)
    }

    fn is_time_up(&self, no: &No) -> bool {
        self.cut && matches!(no, No::Missing)
    }
}
