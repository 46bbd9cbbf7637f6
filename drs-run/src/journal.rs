//! The journal: the votes of inputs that are under way, kept beside the results for when the run
//! goes on.
//!
//! Draws are addressed, so their votes may be drawn once and used later. A journal is used only if
//! every byte of it is as it was written, and only for the models, data and protocol that it was
//! written for. An input's votes are used only if the input is the same. Otherwise the votes are
//! drawn again, which gives the same results.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drs_analysis::Header;
use drs_core::lattice::Digest;
use drs_router::{Drawn, UnderWay};
use serde::{Deserialize, Serialize};

use crate::error::{RunError, refuse};
use crate::event::{Event, Events};
use crate::paths::Paths;
use crate::whole::{self, remove};

/// The first words of a journal, before the digest of all that follows the line.
const MAGIC: &str = "drs journal 1 ";

/// Inputs under way, and those that an earlier run left.
pub(crate) struct Journal {
    path: PathBuf,
    /// Of the run, whatever its inputs.
    classifier: Digest,
    inputs: Mutex<Inputs>,
    /// Held while the file is written: whether it still may be.
    open: Mutex<bool>,
}

#[derive(Default)]
struct Inputs {
    /// Not begun again yet.
    left: BTreeMap<usize, Kept>,
    under_way: BTreeMap<usize, (Digest, Arc<UnderWay>)>,
}

/// One input's votes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    idx: usize,
    /// Digest of the input.
    input: Digest,
    drawn: Drawn,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    classifier: Digest,
    inputs: Vec<Kept>,
}

/// What a journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    pub(crate) inputs: usize,
    pub(crate) draws: u64,
}

impl Journal {
    /// The journal of a run, with what an earlier process left of inputs that are not `done`.
    /// One that cannot be used is left out, with a message.
    pub(crate) fn open(
        paths: &Paths,
        header: &Header,
        done: impl Fn(usize) -> bool,
        events: &dyn Events,
    ) -> Self {
        let classifier = header.classifier();
        let kept = read(paths, classifier).unwrap_or_else(|error| {
            let problem = error.in_full();
            events.tell(Event::Mended(format!("{problem}: not used, its votes are drawn again")));
            Vec::new()
        });
        let left = kept.into_iter().filter(|kept| !done(kept.idx));
        let left = left.map(|kept| (kept.idx, kept)).collect();
        Self {
            path: paths.journal.clone(),
            classifier,
            inputs: Mutex::new(Inputs { left, ..Inputs::default() }),
            open: Mutex::new(true),
        }
    }

    fn inputs(&self) -> MutexGuard<'_, Inputs> {
        // No step in which it is changed can panic half-way.
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an input, with the votes that are there of it.
    pub(crate) fn begin(&self, idx: usize, input: Digest) -> Arc<UnderWay> {
        let mut inputs = self.inputs();
        let before = inputs.left.remove(&idx).filter(|kept| kept.input == input);
        let votes = Arc::new(UnderWay::from(before.map_or_else(Drawn::default, |kept| kept.drawn)));
        inputs.under_way.insert(idx, (input, Arc::clone(&votes)));
        votes
    }

    /// An input has its result, in the files.
    pub(crate) fn done(&self, idx: usize) {
        self.inputs().under_way.remove(&idx);
    }

    /// How many inputs are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.inputs().under_way.len()
    }

    /// How much an earlier process left.
    pub(crate) fn left(&self) -> Size {
        size(self.inputs().left.values())
    }

    /// Writes down all votes that are there, of inputs without a result; where there are none, no
    /// file is left. Nothing is written once it was [forgotten](Self::forget).
    pub(crate) fn write(&self) -> Result<Size, RunError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !*open {
            return Ok(Size::default());
        }
        let inputs = {
            let inputs = self.inputs();
            let under_way = inputs.under_way.iter().map(|(&idx, (input, votes))| Kept {
                idx,
                input: *input,
                drawn: votes.drawn(),
            });
            let all = under_way.chain(inputs.left.values().cloned());
            all.filter(|kept| kept.drawn.draws() > 0).collect::<Vec<_>>()
        };
        let size = size(inputs.iter());
        if inputs.is_empty() {
            remove(&self.path)?;
            return Ok(size);
        }
        let body = serde_json::to_string(&Body { classifier: self.classifier, inputs })? + "\n";
        let seal = Digest::of(body.as_bytes());
        whole::write(&self.path, format!("{MAGIC}{seal}\n{body}"))?;
        Ok(size)
    }

    /// Removes the file for good: its votes do not hold.
    pub(crate) fn forget(&self) -> Result<(), RunError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        *open = false;
        remove(&self.path)
    }
}

fn size<'a>(inputs: impl Iterator<Item = &'a Kept>) -> Size {
    inputs.fold(Size::default(), |size, kept| Size {
        inputs: size.inputs + 1,
        draws: size.draws + kept.drawn.draws(),
    })
}

fn read(paths: &Paths, classifier: Digest) -> Result<Vec<Kept>, RunError> {
    let shown = paths.journal.display();
    let text = match std::fs::read_to_string(&paths.journal) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(RunError::file("read", &paths.journal))?,
    };
    let (first, body) = text.split_once('\n').unwrap_or((&text, ""));
    let seal = Digest::of(body.as_bytes()).to_string();
    if first.strip_prefix(MAGIC) != Some(seal.as_str()) {
        refuse!("{shown} was changed, cut short, or is of another release of drs");
    }
    let body: Body = serde_json::from_str(body)
        .map_err(|error| RunError::from(error).within(shown.to_string()))?;
    if body.classifier != classifier {
        refuse!("{shown} is of another run than {} tells", paths.run.display());
    }
    Ok(body.inputs)
}
