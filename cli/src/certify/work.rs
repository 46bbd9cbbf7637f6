//! A run, worked at until it is done or stopped.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use drs_analysis::{Header, Record};
use drs_core::protocol::Method;
use drs_data::{DataError, Dataset, Example};
use drs_progress::say;
use drs_router::{Certify, EngineError, RouteError, Stopper, Timed, ordered, start_scoped};

use super::failed::{Failed, Reason};
use super::files::ResultFiles;
use super::finding::Finding;
use super::journal::{Journal, Size};
use super::paths::Paths;
use super::progress::Progress;
use super::signals::{self, Interrupt};
use super::tally::Tally;
use crate::pool::OpenPool;

/// All inputs have a result but for some that failed.
pub(crate) const INCOMPLETE: u8 = 3;

/// How long a stopped run waits for the batches that run.
const PATIENCE: Duration = Duration::from_secs(14);

/// How long it then waits for anything else, such as an input that is being read.
const GRACE: Duration = Duration::from_secs(4);

/// How often the votes of the inputs under way are written down, for a process that is killed.
const KEEP: Duration = Duration::from_secs(60);

/// A run, ready to be worked at.
pub(super) struct Work<'a> {
    pub(super) pool: &'a OpenPool,
    pub(super) data: &'a Dataset,
    pub(super) method: Method,
    pub(super) header: &'a Header,
    pub(super) paths: &'a Paths,
    pub(super) finding: Arc<Finding>,
}

/// Why an input has no result.
enum Failure {
    Unreadable(DataError),
    /// An isolated plugin was lost over it: no reason to give up the others.
    Lost(anyhow::Error),
    /// The run was stopped.
    Stopped,
    Other(anyhow::Error),
}

impl Work<'_> {
    /// Certifies what is not done yet and tells how it ended.
    pub(super) fn go_on(&self, files: ResultFiles, done: Tally) -> anyhow::Result<ExitCode> {
        let Self { header, paths, .. } = self;
        let indices = header.indices();
        let finished: HashSet<usize> = files.inputs().iter().copied().collect();
        let journal = Journal::open(paths, header, |idx| finished.contains(&idx));
        tell_before(finished.len(), indices.len(), journal.left(), paths);
        let left: Vec<usize> =
            indices.iter().copied().filter(|idx| !finished.contains(idx)).collect();
        let mut failed = Failed::read(&paths.failed).unwrap_or_else(|error| {
            say!("note: {error:#}: left out, its inputs are tried again");
            Failed::default()
        });
        failed.retain(|idx| left.binary_search(&idx).is_ok());

        let journal = Arc::new(journal);
        self.finding.spoils(&journal);
        let written = Arc::new(AtomicUsize::new(finished.len()));
        let stopper = self.pool.router.stopper();
        let interrupt = {
            let (stopper, journal, written, of) =
                (stopper.clone(), Arc::clone(&journal), Arc::clone(&written), indices.len());
            let finding = Arc::clone(&self.finding);
            Interrupt::watch(move |code| stop(&stopper, &journal, &written, of, code, &finding))?
        };
        let progress = Progress::start(indices.len(), done);
        let open = left.len();
        let mut sink = Sink { files, journal: &journal, failed, progress, written, open, told: 0 };
        let outcome = self.certify_all(&left, &mut sink, &journal, &interrupt, &stopper);
        let Sink { mut files, failed, progress, open, .. } = sink;

        // Whatever ended it: what is finished is kept.
        let outcome = outcome.and(files.sync());
        let written = journal.write();
        let undisturbed = outcome.is_ok() && interrupt.caught().is_none();
        let outcome = self.tried(outcome, undisturbed || stopper.stop(Duration::ZERO));
        let out = paths.table.display();
        if outcome.as_ref().is_err_and(is_unsteady) {
            let count = progress.finish(&self.pool.router, &header.method);
            return outcome.map(|()| ExitCode::SUCCESS).with_context(|| {
                format!("stopped after {count} inputs; what is in {out} rests on this model: do not use it")
            });
        }
        let kept = kept_words(written, paths);
        let outcome = outcome.and(failed.write(&paths.failed));
        let count = progress.finish(&self.pool.router, &header.method);
        let kept = format!("are kept in {out}{kept}; the same command goes on there");
        outcome.with_context(|| format!("stopped after {count} inputs, which {kept}"))?;
        let summary = failed.summary(indices.len(), &paths.failed);
        if let Some(code) = interrupt.caught()
            && open > 0
        {
            summary.iter().for_each(|summary| say!("{summary}"));
            say!("stopped after {count} of {} inputs, which {kept}", indices.len());
            if !stopper.ended(Duration::from_secs(1)) {
                let _ = std::io::stdout().flush();
                signals::exit(code);
            }
            return Ok(ExitCode::from(code));
        }
        files.finish(paths)?;
        let Some(summary) = summary else { return Ok(ExitCode::SUCCESS) };
        if count == 0 {
            bail!("no input has a result: {summary}");
        }
        say!(
            "error: {summary}; {count} inputs are kept in {out}, and the same command tries the others again"
        );
        Ok(ExitCode::from(INCOMPLETE))
    }

    /// How it ended, and whether the models still vote on each input alone: if not, that is what
    /// matters, whatever else came first. While a batch that was given up may still run, not all
    /// are `idle`: then there is no waiting for a last trial.
    fn tried(&self, outcome: anyhow::Result<()>, idle: bool) -> anyhow::Result<()> {
        if outcome.as_ref().is_err_and(is_unsteady) {
            return outcome;
        }
        let router = &self.pool.router;
        let tried = if idle { router.try_last() } else { router.steady() };
        match tried {
            Err(error) if is_unsteady_vote(&error) => Err(self.finding.keep(error)),
            Err(error) if outcome.is_ok() => Err(error.into()),
            _ => outcome,
        }
    }

    /// Certifies these inputs until they are done, a signal comes, or the sink has an error.
    fn certify_all(
        &self,
        left: &[usize],
        sink: &mut Sink<'_>,
        journal: &Arc<Journal>,
        interrupt: &Interrupt,
        stopper: &Stopper,
    ) -> anyhow::Result<()> {
        let threads = self.pool.router.inputs_at_once_by(&self.header.protocol);
        let left = left.iter().copied().take_while(|_| interrupt.caught().is_none());
        let certify = |index| (index, self.certify(index, journal));
        let (end, ended) = channel();
        std::thread::scope(|scope| {
            let kept = Arc::clone(journal);
            start_scoped(scope, "journal", move || keep(&kept, &ended, KEEP))?;
            let outcome = ordered(left, threads, certify, |(index, outcome)| {
                // Then no other input is finished either: the votes so far are kept.
                let halt = |_: &anyhow::Error| tell_of_batches(stopper.stop(PATIENCE));
                sink.take(index, outcome).inspect_err(halt)
            });
            drop(end);
            outcome
        })
    }

    fn certify(&self, index: usize, journal: &Journal) -> Result<Record<'static>, Failure> {
        let example = self.data.get(index).map_err(Failure::Unreadable)?;
        let Example { index, label, input, name, conversion } = example;
        let Header { protocol, seed, .. } = self.header;
        let question = Certify { method: self.method, protocol, seed: *seed };
        let votes = journal.begin(index, input.digest());
        let router = &self.pool.router;
        let certified = router.ask_from(Arc::new(input), &question, &votes);
        let Timed { outcome: certificate, time, latency } = certified.map_err(|error| {
            if is_unsteady_vote(&error) {
                // At once: nothing that comes between may lose it.
                let error = self.finding.keep(error);
                return Failure::Other(error.context(format!("input {index} ({name})")));
            }
            let failure = match &error {
                RouteError::Votes(EngineError::Stopped) => return Failure::Stopped,
                RouteError::Votes(EngineError::Lost { .. }) => Failure::Lost,
                _ => Failure::Other,
            };
            failure(anyhow::Error::from(error).context(format!("input {index} ({name})")))
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
}

/// Where outcomes go, in the order of the inputs.
struct Sink<'a> {
    files: ResultFiles,
    journal: &'a Journal,
    failed: Failed,
    progress: Progress,
    /// Inputs with a result, for whoever asks.
    written: Arc<AtomicUsize>,
    /// Inputs of which nothing came yet, for good or bad.
    open: usize,
    /// Failures that were told one by one.
    told: usize,
}

impl Sink<'_> {
    fn take(&mut self, index: usize, outcome: Result<Record<'_>, Failure>) -> anyhow::Result<()> {
        let (reason, error) = match outcome {
            Ok(record) => {
                self.files.write(&record)?;
                self.journal.done(index);
                self.failed.remove(index);
                self.progress.add(&record);
                self.written.fetch_add(1, Ordering::Relaxed);
                self.open -= 1;
                return Ok(());
            }
            Err(Failure::Stopped) => return Ok(()),
            Err(Failure::Other(error)) => return Err(error),
            Err(Failure::Unreadable(error)) => {
                (Reason::Unreadable, format!("input {index}: {error}"))
            }
            Err(Failure::Lost(error)) => (Reason::PluginLost, format!("{error:#}")),
        };
        if self.told < Failed::TOLD {
            self.told += 1;
            self.progress.say(&format!("error: {error}; going on without this input"));
        }
        self.failed.add(index, reason, error);
        self.open -= 1;
        Ok(())
    }
}

/// Whether votes depended on more than their own input: then no result of the run holds.
fn is_unsteady(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(is_unsteady_vote)
}

fn is_unsteady_vote(error: &RouteError) -> bool {
    matches!(error, RouteError::Votes(EngineError::Unsteady { .. }))
}

/// What is there already.
fn tell_before(done: usize, of: usize, left: Size, paths: &Paths) {
    if done > 0 {
        say!("{}: {done} of {of} inputs are there already", paths.table.display());
    }
    if left.inputs > 0 {
        say!(
            "{}: {} votes of {} inputs are there already",
            paths.journal.display(),
            left.draws,
            left.inputs
        );
    }
}

/// What became of the inputs under way.
fn kept_words(kept: anyhow::Result<Size>, paths: &Paths) -> String {
    match kept {
        Ok(Size { inputs: 0, .. }) => String::new(),
        Ok(Size { inputs, draws }) => {
            format!(
                ", with {draws} votes of {inputs} inputs under way in {}",
                paths.journal.display()
            )
        }
        Err(error) => format!(" (not the votes of inputs under way: {error:#})"),
    }
}

/// What the first signal does. Ends the process if the rest of the run does not.
fn stop(
    stopper: &Stopper,
    journal: &Journal,
    written: &AtomicUsize,
    of: usize,
    code: u8,
    finding: &Finding,
) {
    let seconds = stopper.outlook().as_secs() + 1;
    say!(
        "stopping: {} of {of} inputs are done, the votes so far of {} under way are kept; batches that run are finished, which takes about {} s (given up after {} s); again to stop at once",
        written.load(Ordering::Relaxed),
        journal.under_way(),
        seconds.min(PATIENCE.as_secs()),
        PATIENCE.as_secs()
    );
    tell_of_batches(stopper.stop(PATIENCE));
    std::thread::sleep(GRACE);
    // Reading or writing takes too long. All that is in the files stays right.
    if let Err(error) = stopper.steady() {
        say!("error: {:#}", finding.keep(RouteError::Votes(error)));
        signals::exit(1);
    }
    let kept = journal.write().map(|size| size.draws);
    say!(
        "stopped while something else still ran (reading an input, writing, or a last trial of the models); votes of inputs under way that are kept: {}; the same command goes on",
        kept.map_or_else(|error| format!("none ({error:#})"), |draws| draws.to_string())
    );
    signals::exit(code);
}

/// Says so if not every batch `ended` in time.
fn tell_of_batches(ended: bool) {
    if !ended {
        say!(
            "note: a batch was given up, since it takes longer than {} s: its votes are drawn when the run goes on; a smaller --batch ends sooner",
            PATIENCE.as_secs()
        );
    }
}

/// Writes the journal now and then, until the run has `ended`.
fn keep(journal: &Journal, ended: &Receiver<()>, period: Duration) {
    let mut pause = period;
    while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let start = Instant::now();
        if let Err(error) = journal.write() {
            tracing::warn!("{error:#}");
        }
        // It never costs much.
        pause = period.max(20 * start.elapsed());
    }
}
