//! A stage that bounds one class: its own probability and, if asked, the others'.

use super::session::{Result, Session};
use super::stage::{Aims, Bounds, Purpose, Stage};
use crate::certificate::BoundRecord;
use crate::pool::{Role, VoteSource};
use crate::protocol::Bounding;
use crate::units::Alpha;
use crate::votes::VoteCounts;

/// Levels of one claim's bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ClaimLevels {
    /// For p̲ of the class.
    pub(super) lower: Alpha,
    /// For p̄ of each other class; `None` bounds them by 1 − p̲.
    pub(super) upper: Option<Alpha>,
}

struct ClaimOn {
    /// The class asked for; with `None` the one that the selection draws choose.
    wanted: Option<usize>,
    levels: ClaimLevels,
    classes: usize,
}

/// The stage of a role that may spend `alpha` on a claim.
///
/// A role that is asked for a class and selects another one is out: it would
/// not support the class, and leaving it out can only lose radius.
pub(super) fn stage<'a, S: VoteSource>(
    session: &Session<'_, S>,
    role: Role,
    wanted: Option<usize>,
    alpha: Alpha,
    bounding: Bounding,
) -> Result<Stage<'a>, S> {
    let levels = session.levels(role, alpha, bounding)?;
    let classes = session.pool.options(role);
    Stage::new(session, role, ClaimOn { wanted, levels, classes })
}

impl Purpose for ClaimOn {
    fn aims(&self, selection: Option<&VoteCounts>) -> Option<Aims> {
        let chosen = selection.map(VoteCounts::top);
        if self.wanted.is_some() && chosen.is_some() && chosen != self.wanted {
            return None;
        }
        let class = chosen.or(self.wanted).unwrap_or(0);
        let others = |z| if z == class { None } else { self.levels.upper };
        Some(Aims {
            lower: vec![(vec![class], self.levels.lower)],
            upper: (0..self.classes).map(others).collect(),
        })
    }

    fn records(
        &self,
        selection: &VoteCounts,
        bounds: &Bounds,
        model: &str,
        _: &dyn Fn(usize) -> String,
    ) -> Vec<BoundRecord> {
        let class = selection.top();
        vec![BoundRecord::Class {
            model: model.to_owned(),
            class,
            alpha: self.levels.lower,
            lower: bounds.lower[0],
            others_alpha: self.levels.upper,
            others_upper: self.levels.upper.map(|_| bounds.others_upper(class)),
        }]
    }
}
