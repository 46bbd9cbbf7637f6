//! The work of a run, until the run is done or stopped.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use drs_analysis::{Header, Record};
use drs_core::protocol::Method;
use drs_data::{Dataset, Example};
use drs_router::{Certify, EngineError, RouteError, Router, Stopper, Timed, ordered, start_scoped};

use crate::error::{RunError, refuse};
use crate::event::{Event, Events};
use crate::failed::Failed;
use crate::files::ResultFiles;
use crate::finding::Finding;
use crate::journal::{Journal, Size};
use crate::paths::Paths;
use crate::sink::{Failure, Sink};
use crate::stop::{Halted, Stop, UnderWay};
use crate::tally::Tally;

/// How long a stopped run waits for the batches that run.
const PATIENCE: Duration = Duration::from_secs(14);

/// How long it then waits for anything else, such as an input that is being read.
const GRACE: Duration = Duration::from_secs(4);

/// How often the votes of the inputs under way are written down, for a process that is killed.
const KEEP: Duration = Duration::from_secs(60);

/// How a run ended that met no error.
#[derive(Debug)]
pub enum Ending {
    /// All inputs have a result.
    Whole,
    /// All have but some that failed.
    Incomplete {
        /// Inputs with a result.
        done: usize,
        /// What became of the others, in words.
        summary: String,
    },
    /// It was asked to stop; the same command goes on.
    Stopped {
        /// Inputs with a result.
        done: usize,
        /// All inputs of the run.
        of: usize,
        /// Where what there is is kept, in words.
        kept: String,
        /// What became of inputs that failed, in words, if there are any.
        summary: Option<String>,
        /// Whether the models have come to rest. If not, a batch that was given up still runs.
        idle: bool,
    },
}

/// A run, ready to be worked at.
pub(crate) struct Work<'a> {
    pub(crate) router: &'a Router,
    pub(crate) data: &'a Dataset,
    pub(crate) method: Method,
    pub(crate) header: Header,
    pub(crate) paths: Paths,
    pub(crate) finding: Arc<Finding>,
    pub(crate) events: Arc<dyn Events>,
}

impl Work<'_> {
    /// Certifies what is not done yet and tells how it ended.
    pub(crate) fn go_on(
        &self,
        files: ResultFiles,
        done: Tally,
        stop: &Stop,
    ) -> Result<Ending, RunError> {
        let Self { header, paths, events, .. } = self;
        let events = &**events;
        let indices = header.indices();
        let finished: HashSet<usize> = files.inputs().iter().copied().collect();
        let journal = Journal::open(paths, header, |idx| finished.contains(&idx), events);
        self.tell_before(finished.len(), indices.len(), journal.left());
        let left: Vec<usize> =
            indices.iter().copied().filter(|idx| !finished.contains(idx)).collect();
        let mut failed = Failed::read(&paths.failed).unwrap_or_else(|error| {
            let problem = error.in_full();
            events.tell(Event::Mended(format!("{problem}: left out, its inputs are tried again")));
            Failed::default()
        });
        failed.retain(|idx| left.binary_search(&idx).is_ok());

        let journal = Arc::new(journal);
        self.finding.spoils(&journal);
        let written = Arc::new(AtomicUsize::new(finished.len()));
        let stopper = self.router.stopper();
        let _under_way = self.end_when_asked(stop, &stopper, &journal, &written, indices.len());
        events.tell(Event::Begun { inputs: indices.len(), done: Box::new(done) });
        let open = left.len();
        let counted = Arc::clone(&written);
        let mut sink = Sink { files, journal: &journal, failed, events, written, open };
        let outcome = self.certify_all(&left, &mut sink, &journal, stop, &stopper);
        let Sink { mut files, failed, open, .. } = sink;

        // Whatever ended it: what is finished is kept.
        let outcome = outcome.and(files.sync());
        let written = journal.write();
        let undisturbed = outcome.is_ok() && !stop.is_asked();
        let outcome = self.tried(outcome, undisturbed || stopper.stop(Duration::ZERO));
        let (out, count) = (paths.table.display(), counted.load(Ordering::Relaxed));
        let unsteady = outcome.as_ref().is_err_and(RunError::is_unsteady);
        events.tell(Event::Rested);
        let kept = kept_words(written, paths);
        let outcome = if unsteady { outcome } else { outcome.and(failed.write(&paths.failed)) };
        let kept = format!("are kept in {out}{kept}; the same command goes on there");
        outcome.map_err(|error| error.within(match unsteady {
            true => format!("stopped after {count} inputs; what is in {out} rests on this model: do not use it"),
            false => format!("stopped after {count} inputs, which {kept}"),
        }))?;
        let summary = failed.summary(indices.len(), &paths.failed);
        if stop.is_asked() && open > 0 {
            let idle = stopper.ended(Duration::from_secs(1));
            return Ok(Ending::Stopped { done: count, of: indices.len(), kept, summary, idle });
        }
        if open > 0 {
            // Without a word it would pass for a whole run.
            refuse!(
                "the models were stopped from elsewhere after {count} of {} inputs, which {kept}",
                indices.len()
            );
        }
        files.finish(paths)?;
        match summary {
            None => Ok(Ending::Whole),
            Some(summary) if count == 0 => refuse!("no input has a result: {summary}"),
            Some(summary) => Ok(Ending::Incomplete { done: count, summary }),
        }
    }

    /// How it ended, and whether the models still vote on each input alone: if not, that is what
    /// matters, whatever else came first. While a batch that was given up may still run, not all
    /// are `idle`: then there is no waiting for a last trial.
    fn tried(&self, outcome: Result<(), RunError>, idle: bool) -> Result<(), RunError> {
        if outcome.as_ref().is_err_and(RunError::is_unsteady) {
            return outcome;
        }
        let router = self.router;
        let tried = if idle { router.try_last() } else { router.steady() };
        match tried {
            Err(error) if is_unsteady_vote(&error) => Err(self.finding.keep(error)),
            Err(error) if outcome.is_ok() => Err(error.into()),
            _ => outcome,
        }
    }

    /// Certifies these inputs until they are done, it is asked to stop, or the sink has an error.
    fn certify_all(
        &self,
        left: &[usize],
        sink: &mut Sink<'_>,
        journal: &Arc<Journal>,
        stop: &Stop,
        stopper: &Stopper,
    ) -> Result<(), RunError> {
        let threads = self.router.inputs_at_once_by(&self.header.protocol);
        let left = left.iter().copied().take_while(|_| !stop.is_asked());
        let certify = |index| (index, self.certify(index, journal));
        let (end, ended) = channel();
        std::thread::scope(|scope| {
            let kept = Arc::clone(journal);
            start_scoped(scope, "journal", move || keep(&kept, &ended, KEEP))?;
            let outcome = ordered(left, threads, certify, |(index, outcome)| {
                // Then no other input is finished either: the votes so far are kept.
                let halt = |_: &RunError| halt(stopper, &*self.events);
                sink.take(index, outcome).inspect_err(halt)
            });
            drop(end);
            outcome
        })
    }

    fn certify(&self, index: usize, journal: &Journal) -> Result<Record<'static>, Failure> {
        let example = self.data.get(index).map_err(Failure::Unreadable)?;
        let Example { index, label, input, name, conversion } = example;
        let Header { protocol, seed, .. } = &self.header;
        let question = Certify { method: self.method, protocol, seed: *seed };
        let votes = journal.begin(index, input.digest());
        let router = self.router;
        let certified = router.ask_from(Arc::new(input), &question, &votes);
        let Timed { outcome: certificate, time, latency } = certified.map_err(|error| {
            if is_unsteady_vote(&error) {
                // At once: nothing that comes between may lose it.
                let error = self.finding.keep(error);
                return Failure::Other(error.within(format!("input {index} ({name})")));
            }
            let failure = match &error {
                RouteError::Votes(EngineError::Stopped) => return Failure::Stopped,
                RouteError::Votes(EngineError::Lost { .. }) => Failure::Lost,
                _ => Failure::Other,
            };
            failure(RunError::from(error).within(format!("input {index} ({name})")))
        })?;
        Ok(Record {
            idx: index,
            label,
            input: Cow::Owned(name),
            conversion,
            correct: label.map(|label| certificate.verdict.class == Some(label)),
            time,
            latency: Some(latency),
            certificate: Cow::Owned(certificate),
        })
    }

    /// Tells `stop` how this run ends early.
    fn end_when_asked<'a>(
        &self,
        stop: &'a Stop,
        stopper: &Stopper,
        journal: &Arc<Journal>,
        written: &Arc<AtomicUsize>,
        of: usize,
    ) -> UnderWay<'a> {
        let (stopper, journal, written) =
            (stopper.clone(), Arc::clone(journal), Arc::clone(written));
        let (finding, events) = (Arc::clone(&self.finding), Arc::clone(&self.events));
        stop.ends(move |end| {
            events.tell(Event::Stopping {
                done: written.load(Ordering::Relaxed),
                of,
                under_way: journal.under_way(),
                outlook: stopper.outlook(),
                patience: PATIENCE,
            });
            halt(&stopper, &*events);
            if end.within(GRACE) {
                return None;
            }
            // Reading or writing takes too long. All that is in the files stays right.
            let unsteady = stopper.steady().err().map(|e| finding.keep(RouteError::Votes(e)));
            Some(Halted { unsteady, kept: journal.write().map(|size| size.draws) })
        })
    }

    /// What is there already.
    fn tell_before(&self, done: usize, of: usize, left: Size) {
        if done > 0 {
            self.events.tell(Event::Results { table: &self.paths.table, done, of });
        }
        if left.inputs > 0 {
            let (journal, Size { inputs, draws }) = (&self.paths.journal, left);
            self.events.tell(Event::Votes { journal, inputs, draws });
        }
    }
}

fn is_unsteady_vote(error: &RouteError) -> bool {
    matches!(error, RouteError::Votes(EngineError::Unsteady { .. }))
}

/// Ends the batches that run, or gives them up.
fn halt(stopper: &Stopper, events: &dyn Events) {
    if !stopper.stop(PATIENCE) {
        events.tell(Event::BatchGivenUp { patience: PATIENCE });
    }
}

/// What became of the inputs under way.
fn kept_words(kept: Result<Size, RunError>, paths: &Paths) -> String {
    match kept {
        Ok(Size { inputs: 0, .. }) => String::new(),
        Ok(Size { inputs, draws }) => {
            format!(
                ", with {draws} votes of {inputs} inputs under way in {}",
                paths.journal.display()
            )
        }
        Err(error) => format!(" (not the votes of inputs under way: {})", error.in_full()),
    }
}

/// Writes the journal now and then, until the run has `ended`.
fn keep(journal: &Journal, ended: &Receiver<()>, period: Duration) {
    let mut pause = period;
    while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let start = Instant::now();
        if let Err(error) = journal.write() {
            tracing::warn!("{}", error.in_full());
        }
        // It never costs much.
        pause = period.max(20 * start.elapsed());
    }
}
