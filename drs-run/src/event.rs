//! What a run reports while it works.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use drs_analysis::Record;

use crate::tally::Tally;

/// Something that happened. Those that are for people are text too.
#[derive(Debug)]
pub enum Event<'a> {
    /// The run has results already.
    Results {
        /// Its table.
        table: &'a Path,
        /// Inputs with a result.
        done: usize,
        /// All its inputs.
        of: usize,
    },
    /// The run has votes of inputs that are not finished.
    Votes {
        /// Where they are.
        journal: &'a Path,
        /// How many inputs they are of.
        inputs: usize,
        /// How many there are.
        draws: u64,
    },
    /// The run has more inputs than before.
    Extended {
        /// Its table.
        table: &'a Path,
        /// Inputs before.
        before: usize,
        /// Inputs now.
        now: usize,
    },
    /// A file was not as it should be, and what was done about it.
    Mended(String),
    /// Work begins.
    Begun {
        /// All inputs of the run.
        inputs: usize,
        /// What is done of them.
        done: Box<Tally>,
    },
    /// An input has its result, in the files.
    Done(&'a Record<'a>),
    /// An input has none, and why; the run goes on without it.
    Failed(&'a str),
    /// The run was asked to stop, and does.
    Stopping {
        /// Inputs with a result.
        done: usize,
        /// All inputs of the run.
        of: usize,
        /// Inputs whose votes so far are kept.
        under_way: usize,
        /// About how long the batches that run will take.
        outlook: Duration,
        /// How long they are waited for.
        patience: Duration,
    },
    /// Nothing is drawn any more; the files are still brought into order.
    Rested,
    /// A batch took too long and was given up.
    BatchGivenUp {
        /// How long it was waited for.
        patience: Duration,
    },
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Results { table, done, of } => {
                write!(f, "{}: {done} of {of} inputs are there already", table.display())
            }
            Self::Votes { journal, inputs, draws } => write!(
                f,
                "{}: {draws} votes of {inputs} inputs are there already",
                journal.display()
            ),
            Self::Extended { table, before, now } => {
                write!(f, "{}: extended from {before} to {now} inputs", table.display())
            }
            Self::Mended(what) => write!(f, "note: {what}"),
            Self::Failed(error) => write!(f, "error: {error}; going on without this input"),
            Self::Stopping { done, of, under_way, outlook, patience } => write!(
                f,
                "stopping: {done} of {of} inputs are done, the votes so far of {under_way} under way are kept; batches that run are finished, which takes about {} s (given up after {} s); again to stop at once",
                (outlook.as_secs() + 1).min(patience.as_secs()),
                patience.as_secs()
            ),
            Self::BatchGivenUp { patience } => write!(
                f,
                "note: a batch was given up, since it takes longer than {} s: its votes are drawn when the run goes on; a smaller --batch ends sooner",
                patience.as_secs()
            ),
            Self::Begun { .. } | Self::Done(_) | Self::Rested => Ok(()),
        }
    }
}

/// Who is told. Some events come from other threads than the run's own.
pub trait Events: Send + Sync {
    /// Takes an event; the run waits until it returns.
    fn tell(&self, event: Event<'_>);
}

impl<F: Fn(Event<'_>) + Send + Sync> Events for F {
    fn tell(&self, event: Event<'_>) {
        self(event);
    }
}
