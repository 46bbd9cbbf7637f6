//! A stage that bounds one class: its own probability and, if asked, the others'.

use super::session::{Result, Session};
use super::stage::{Aims, Bounds, Purpose, Stage};
use crate::certificate::BoundRecord;
use crate::pool::Role;
use crate::protocol::{Bounding, ProtocolError};
use crate::source::VoteSource;
use crate::units::Alpha;
use crate::votes::VoteCounts;

/// Levels of one claim's bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ClaimLevels {
    /// For p̲ of the class.
    lower: Alpha,
    /// For p̄ of each other class; `None` bounds them by 1 − p̲.
    upper: Option<Alpha>,
}

/// Which class is claimed.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// The one that the selection draws choose.
    Selected,
    /// This one; a role that selects another one is out: it would not support the
    /// class, and leaving it out can only lose radius.
    OrOut(usize),
    /// This one, whatever is selected.
    Firm(usize),
}

struct ClaimOn {
    wanted: Wanted,
    levels: ClaimLevels,
    classes: usize,
}

/// The stage of a role that may spend `alpha` on a claim: on the class that it
/// selects, or on `wanted` if it selects that.
pub(super) fn stage<'a, S: VoteSource>(
    session: &Session<'_, S>,
    role: Role,
    wanted: Option<usize>,
    alpha: Alpha,
    bounding: Bounding,
) -> Result<Stage<'a>, S> {
    let levels = levels(session, role, alpha, bounding)?;
    let classes = session.pool.options(role);
    let wanted = wanted.map_or(Wanted::Selected, Wanted::OrOut);
    Stage::new(session, role, ClaimOn { wanted, levels, classes })
}

/// The same, after the selection is drawn, on `class` whatever was selected: the
/// stage bounds how little it may support the class, and how much others.
pub(super) fn firm<'a, S: VoteSource>(
    session: &Session<'_, S>,
    role: Role,
    class: usize,
    selection: Vec<VoteCounts>,
    alpha: Alpha,
    bounding: Bounding,
) -> Result<Stage<'a>, S> {
    let levels = levels(session, role, alpha, bounding)?;
    let classes = session.pool.options(role);
    let claim = ClaimOn { wanted: Wanted::Firm(class), levels, classes };
    Stage::with_selection(session, role, claim, selection)
}

/// Levels of a claim by `role` that may spend `alpha`.
fn levels<S: VoteSource>(
    session: &Session<'_, S>,
    role: Role,
    alpha: Alpha,
    bounding: Bounding,
) -> Result<ClaimLevels, S> {
    let others = session.pool.options(role).saturating_sub(1);
    if bounding == Bounding::OneSided || others == 0 {
        return Ok(ClaimLevels { lower: alpha, upper: None });
    }
    let share = session.split().others;
    let each = alpha.share(share / others as f64 * (1.0 - 1e-12));
    let lower = alpha.share(1.0 - share);
    Ok(ClaimLevels {
        lower: lower.map_err(ProtocolError::Alpha)?,
        upper: Some(each.map_err(ProtocolError::Alpha)?),
    })
}

impl ClaimOn {
    /// The class claimed; `None` if the role is out.
    fn class(&self, selection: Option<&VoteCounts>) -> Option<usize> {
        let chosen = selection.map(VoteCounts::top);
        match self.wanted {
            Wanted::Selected => Some(chosen.unwrap_or(0)),
            Wanted::OrOut(class) => (chosen.is_none() || chosen == Some(class)).then_some(class),
            Wanted::Firm(class) => Some(class),
        }
    }
}

impl Purpose for ClaimOn {
    fn aims(&self, selection: Option<&VoteCounts>) -> Option<Aims> {
        let class = self.class(selection)?;
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
        let class = self.class(Some(selection)).unwrap_or(0);
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
