//! The votes of a record, drawn again.

use super::Rejection;
use crate::bounds::lower;
use crate::certificate::Certificate;
use crate::pool::{Pool, Role, Stage};
use crate::source::VoteSource;
use crate::units::{Alpha, UnitError};
use crate::votes::VoteCounts;

/// The share of votes that another device may cast otherwise: its arithmetic rounds in another
/// order, which moves inputs that lie on the edge between two classes.
pub const TOLERANCE: f64 = 0.01;

/// Probability with which a record is rejected although each of its votes comes out otherwise
/// with a probability of no more than [`TOLERANCE`].
pub const LEVEL: f64 = 0.001;

/// How the votes drawn again compare with the record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Every count is the same.
    Equal,
    /// Some votes are others, no more than another device explains.
    Consistent {
        /// At least so many.
        differing: u64,
        /// Of so many.
        draws: u64,
    },
}

/// Why votes could not be compared, or do not agree.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError<E: std::error::Error + 'static> {
    /// A model did not vote.
    #[error(transparent)]
    Votes(E),
    /// The record is not what the models answer.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// Draws every vote of a [verified](super::verify()) certificate again and compares the counts.
///
/// The same noise is drawn, so on the same kind of device all counts are equal. Where they are
/// not, each stage is tested: of n votes at least d differ, the sum over looks and classes of
/// what the record has more. If each differed with probability at most [`TOLERANCE`], the
/// one-sided exact (Clopper–Pearson) lower bound on that probability, given d of n, would exceed
/// it with probability at most the level of the bound; the stages share [`LEVEL`] evenly.
///
/// # Errors
/// If a model fails, or a stage fails the test.
pub fn replay<S: VoteSource>(
    certificate: &Certificate,
    pool: &Pool,
    source: &mut S,
) -> Result<Agreement, ReplayError<S::Error>> {
    let level = level(certificate.stages.len()).map_err(|error| reject("stages", &error))?;
    let (mut differing, mut draws) = (0, 0);
    for (place, entry) in certificate.stages.iter().enumerate() {
        let field = format!("stages[{place}]");
        let role = role(pool, &entry.model).ok_or_else(|| {
            Rejection::new(format!("{field}.model"), &*entry.model, "a model of the pool")
        })?;
        let stage = Stage { role, phase: entry.phase };
        let ends: Vec<u64> = entry.looks.iter().map(VoteCounts::total).collect();
        source.announce(stage, &ends);
        let mut earlier: Option<&VoteCounts> = None;
        let mut differ = 0;
        for (number, look) in entry.looks.iter().enumerate() {
            let recorded =
                earlier.map_or_else(|| Some(look.clone()), |earlier| look.since(earlier));
            let grown = || {
                let field = format!("{field}.looks[{number}]");
                Rejection::new(field, format!("{:?}", look.counts()), "counts that grow")
            };
            let recorded = recorded.ok_or_else(grown)?;
            let start = earlier.map_or(0, VoteCounts::total);
            let redrawn = source.votes(stage, start..look.total()).map_err(ReplayError::Votes)?;
            differ += beyond(&recorded, &redrawn);
            earlier = Some(look);
        }
        let total = entry.draws();
        let least = lower(differ, total.max(1), level).map_err(|error| reject(&field, &error))?;
        if least > TOLERANCE {
            let found =
                format!("{differ} of {total} votes of {} are others than it casts", entry.model);
            let expected = format!(
                "none, or on another device about {} % at most (test at level {LEVEL})",
                100.0 * TOLERANCE
            );
            return Err(Rejection::new(field + ".looks", found, expected).into());
        }
        differing += differ;
        draws += total;
    }
    Ok(if differing == 0 { Agreement::Equal } else { Agreement::Consistent { differing, draws } })
}

fn reject(field: &str, error: &dyn std::error::Error) -> Rejection {
    Rejection::told(field, &error.to_string())
}

fn level(stages: usize) -> Result<Alpha, UnitError> {
    Alpha::new(LEVEL)?.share(1.0 / stages.max(1) as f64)
}

fn role(pool: &Pool, model: &str) -> Option<Role> {
    if model == "router" {
        return pool.router.as_ref().map(|_| Role::Router);
    }
    pool.experts.iter().position(|expert| expert.name == model).map(Role::Expert)
}

/// The recorded votes beyond those redrawn, class by class: where both are as many, at least
/// so many votes differ.
fn beyond(recorded: &VoteCounts, redrawn: &VoteCounts) -> u64 {
    let classes = recorded.counts().len().max(redrawn.counts().len());
    (0..classes).map(|class| recorded.of(class).saturating_sub(redrawn.of(class))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::votes::VoteCounts;

    #[test]
    fn votes_that_moved_are_counted_once() {
        let votes = |counts: &[u64]| VoteCounts::new(counts.to_vec()).unwrap();
        assert_eq!(beyond(&votes(&[5, 5, 0]), &votes(&[5, 5, 0])), 0);
        assert_eq!(beyond(&votes(&[5, 5, 0]), &votes(&[3, 5, 2])), 2);
        assert_eq!(beyond(&votes(&[10]), &votes(&[3, 5, 2])), 7);
    }
}
