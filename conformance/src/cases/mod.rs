//! The rules: one table, and modules by theme.

mod batches;
mod draws;
mod errors;
mod facts;
mod history;
mod opening;
mod votes;

use crate::lab::Lab;
use crate::report::{Finding, Measure, Outcome};
use crate::shortfall::{Shortfall, fail, same_votes, skip, told};

/// A rule.
pub(crate) struct Case {
    name: &'static str,
    demand: &'static str,
    remedy: &'static str,
    check: fn(&Lab<'_>, &mut Vec<Measure>) -> Result<(), Shortfall>,
}

impl Case {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn demand(&self) -> &'static str {
        self.demand
    }

    pub(crate) fn try_on(&self, lab: &Lab<'_>) -> Finding {
        let mut measured = Vec::new();
        let result = (self.check)(lab, &mut measured);
        self.finding(result, measured)
    }

    pub(crate) fn skipped(&self, why: &str) -> Finding {
        self.finding(Err(skip(why)), Vec::new())
    }

    pub(crate) fn finding(&self, result: Result<(), Shortfall>, measured: Vec<Measure>) -> Finding {
        let outcome = match result {
            Ok(()) => Outcome::Pass,
            Err(Shortfall::Fail { seen, expected }) => {
                Outcome::Fail { seen, expected, remedy: self.remedy.into() }
            }
            Err(Shortfall::Skip(why)) => Outcome::Skipped { why },
        };
        Finding { name: self.name.into(), demand: self.demand.into(), outcome, measured }
    }
}

/// What has to go well before anything else can be tried.
pub(crate) const OPENS: Case = Case {
    name: "opens",
    demand: "The expert opens, tells a manifest that can be read, and votes.",
    remedy: "check the configuration and the shape that the suite was given",
    check: |_, _| Ok(()),
};

/// Tried by whoever loads the expert, who can see which files it opens.
pub(crate) const FILES: Case = Case {
    name: "files",
    demand: "The expert opens no file but those that it declares.",
    remedy: "list every file that the model is made of in `Plugin::files`",
    check: |_, _| Ok(()),
};

const OWN_INPUT: &str = "let each vote depend on its own input alone: \
                         index rows by their own values, keep nothing between calls";
const OWN_STATE: &str = "keep no state that calls, threads or instances share, or lock it \
                         for the whole call";
const HOST_INTEGERS: &str =
    "follow \"drs noise v1\" in the documentation of drs_plugins_api::Draws";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "manifest",
        demand: "The manifest is complete and right, and the same at every call.",
        remedy: "return fixed facts from `manifest`; resolve files with `context.resolve`",
        check: facts::manifest,
    },
    Case {
        name: "votes",
        demand: "Every input that counts gets a vote for a class of the manifest, and nothing \
                 is written beyond.",
        remedy: "write one class index for each row, below the number of classes",
        check: votes::within_the_classes,
    },
    Case {
        name: "repetition",
        demand: "The same batch twice in a row gets the same votes.",
        remedy: OWN_INPUT,
        check: history::repetition,
    },
    Case {
        name: "history",
        demand: "Earlier batches, of whatever size and values, change no vote.",
        remedy: OWN_INPUT,
        check: history::earlier_batches,
    },
    Case {
        name: "batch size",
        demand: "Votes are the same in batches of any size, within the tolerance.",
        remedy: "find out why: reductions that depend on the size need a tolerance, all else is \
                 an error of indices",
        check: batches::size,
    },
    Case {
        name: "partial batch",
        demand: "Votes are the same where fewer rows of the padded batch count.",
        remedy: "run the whole padded batch, or a model whose results do not depend on its size",
        check: batches::partial,
    },
    Case {
        name: "padding",
        demand: "What the padding holds changes no vote.",
        remedy: "read no row of `batch.padded()` beyond those that count for a vote",
        check: batches::padding,
    },
    Case {
        name: "place",
        demand: "Rotating the rows of a batch rotates its votes.",
        remedy: OWN_INPUT,
        check: batches::place,
    },
    Case {
        name: "neighbours",
        demand: "Other inputs in the batch, however extreme, change no vote.",
        remedy: OWN_INPUT,
        check: batches::neighbours,
    },
    Case {
        name: "instances",
        demand: "Two experts of one model, opened side by side, vote alike.",
        remedy: OWN_STATE,
        check: history::instances,
    },
    Case {
        name: "threads",
        demand: "As many calls at once as the manifest allows vote as one does.",
        remedy: "share no scratch between calls, or lower `concurrency` in the manifest",
        check: history::threads,
    },
    Case {
        name: "ties",
        demand: "The lowest of several largest outputs gets the vote.",
        remedy: "vote with `drs_plugins_api::argmax`",
        check: votes::ties,
    },
    Case {
        name: "not finite",
        demand: "An output that is not finite is an error of kind NonFinite and no vote.",
        remedy: "vote with `drs_plugins_api::argmax`",
        check: votes::not_finite,
    },
    Case {
        name: "extremes",
        demand: "The largest and smallest values of an i16 get votes or an error, no panic.",
        remedy: "do not index or convert by lattice values without a check",
        check: errors::extremes,
    },
    Case {
        name: "wrong batches",
        demand: "Batches that do not fit are errors of kind Batch, and the expert works on.",
        remedy: "check sizes first, as `drs_plugins_api::Batch::new` does",
        check: errors::wrong_batches,
    },
    Case {
        name: "no rows",
        demand: "A batch in which nothing counts gets no votes and no panic.",
        remedy: "return early where `batch.rows()` is 0",
        check: errors::no_rows,
    },
    Case {
        name: "other shape",
        demand: "Opened for another shape, the expert refuses, tells its own, or takes it.",
        remedy: "compare `context.shape()` with the model's shape in `open`",
        check: opening::other_shape,
    },
    Case {
        name: "unknown field",
        demand: "A field that the configuration does not know is a Config error that names it.",
        remedy: "put #[serde(deny_unknown_fields)] on the configuration",
        check: opening::unknown_field,
    },
    Case {
        name: "draws",
        demand: "Votes on noise that the plugin draws are those on the host's own noise.",
        remedy: HOST_INTEGERS,
        check: draws::the_host_s_integers,
    },
    Case {
        name: "draws: threads",
        demand: "As many drawing calls at once as the manifest allows vote as one does.",
        remedy: OWN_STATE,
        check: draws::threads,
    },
    Case {
        name: "draws: wrong",
        demand: "Draws that do not fit are errors of kind Batch, and the expert works on.",
        remedy: "check sizes first, as `drs_plugins_api::Draws::new` does",
        check: draws::wrong,
    },
];
