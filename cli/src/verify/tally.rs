//! What a file's records came to.

use std::collections::HashMap;

use drs_analysis::{Entry, Run};
use drs_core::verify::{Agreement, Rejection};
use drs_router::Replayed;
use serde::Serialize;

use super::{Checked, Passed};

/// Numbers of records; but for the first two, of those that were accepted.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) records: usize,
    pub(super) rejected: usize,
    /// Their inputs are those of the data.
    pub(super) inputs: usize,
    /// Their labels are too.
    pub(super) labels: usize,
    /// They have labels that nothing was compared with.
    pub(super) trusted: usize,
    /// Answers that name a class, which no model was asked about.
    pub(super) named: usize,
    pub(super) equal: usize,
    pub(super) consistent: usize,
    /// Of the consistent ones: votes that differ, and of how many.
    pub(super) differing: [u64; 2],
    /// Made by models that are configured otherwise here: how many, and what the first one tells.
    pub(super) reconfigured: Option<(usize, Rejection)>,
    pub(super) runs: Runs,
}

/// The runs that accepted records are of.
#[derive(Default)]
pub(super) struct Runs {
    /// By key, places in the list.
    known: HashMap<String, usize>,
    list: Vec<Part>,
}

/// The records of one run.
pub(super) struct Part {
    pub(super) run: Run,
    pub(super) records: usize,
    /// The first of them.
    pub(super) line: u64,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Everything follows; nothing was drawn again.
    Verified,
    /// And every vote came out the same.
    Equal,
    /// And the votes came out as another device would have them.
    Consistent,
    Rejected,
}

impl Status {
    pub(super) fn of(outcome: &Result<Passed, Rejection>) -> Self {
        match outcome.as_ref().map(|passed| &passed.replay) {
            Err(_) => Self::Rejected,
            Ok(None) => Self::Verified,
            Ok(Some(Replayed { agreement: Agreement::Equal, .. })) => Self::Equal,
            Ok(Some(Replayed { agreement: Agreement::Consistent { .. }, .. })) => Self::Consistent,
        }
    }
}

impl Tally {
    pub(super) fn add(&mut self, checked: &Checked) {
        self.records += 1;
        let (Ok(passed), Some(entry)) = (&checked.outcome, &checked.entry) else {
            self.rejected += 1;
            return;
        };
        self.inputs += usize::from(passed.input);
        self.labels += usize::from(passed.label);
        let labelled = matches!(entry, Entry::Record(record) if record.label.is_some());
        self.trusted += usize::from(labelled && !passed.label);
        let named = matches!(entry, Entry::Answer(answer) if answer.class.is_some());
        self.named += usize::from(named && passed.replay.is_none());
        match passed.replay.as_ref().map(|replay| replay.agreement) {
            None => {}
            Some(Agreement::Equal) => self.equal += 1,
            Some(Agreement::Consistent { differing, draws }) => {
                self.consistent += 1;
                self.differing[0] += differing;
                self.differing[1] += draws;
            }
        }
        if let Some(told) = passed.replay.as_ref().and_then(|replay| replay.configuration.as_ref())
        {
            self.reconfigured.get_or_insert_with(|| (0, told.clone())).0 += 1;
        }
        self.runs.add(Run::of(entry.certificate()), checked.line);
    }

    pub(super) fn accepted(&self) -> usize {
        self.records - self.rejected
    }
}

impl Runs {
    fn add(&mut self, run: Run, line: u64) {
        let next = self.list.len();
        let place = *self.known.entry(run.key()).or_insert(next);
        match self.list.get_mut(place) {
            Some(part) => part.records += 1,
            None => self.list.push(Part { run, records: 1, line }),
        }
    }

    /// Whether there is more than one.
    pub(super) fn mixed(&self) -> bool {
        self.list.len() > 1
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Each run in the order of their first records, and where it is not as the first one.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&Part, Option<Rejection>)> {
        self.list.iter().map(|part| (part, part.run.difference(&self.list[0].run)))
    }
}
