//! The worker's side: one plugin, one model, one question at a time.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::time::Duration;

use drs_plugins_api::Error as PluginError;
use drs_plugins_api::abi::{AbiNoiseTable, AbiSegment};
use drs_plugins_api::abi_stable::std_types::RSlice;

use rustix::stdio::dup2_stdin;

use super::group::end_own;
use super::memory::Borrowed;
use super::wire::{Reply, Request, Segment, Table, receive, send};
use crate::plugin::{Here, list_files, open_alone};
use crate::scarce::start_thread;

/// The first argument of `drs` that makes it a worker.
pub(super) const COMMAND: &str = "worker";

/// Values behind the votes that no plugin may touch.
const GUARD: usize = 1024;
const UNTOUCHED: u32 = 0xA5C3_3C5A;

/// The longest problem that is told in full.
const LONGEST_PROBLEM: usize = 1 << 16;

/// Answers the host's questions until it closes the socket, which is standard input at first.
///
/// # Errors
/// If the socket fails before it is closed.
pub fn serve() -> io::Result<()> {
    let mut stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // A plugin that reads standard input finds it empty, and not the host's next question.
    dup2_stdin(File::open("/dev/null")?)?;
    leave_with(parent_id())?;
    let outcome = converse(&mut stream);
    if let Err(error) = &outcome {
        tracing::error!("a worker lost its host: {error}");
    }
    // Nobody else ends what the plugin may have started.
    end_own();
    outcome
}

/// Answers until the host is gone.
fn converse(stream: &mut UnixStream) -> io::Result<()> {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let mut worker = Worker { model: None, memory: None, noise: None };
    let mut exchange = || {
        let request = receive(&mut *stream)?;
        let failed = |problem| Reply::Failed(shortened(problem));
        send(&mut *stream, &worker.answer(request).unwrap_or_else(failed))
    };
    loop {
        match exchange() {
            Ok(()) => {}
            // It was killed, perhaps while its plugin voted.
            Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// A plugin that hangs would outlive a host that was killed.
fn leave_with(host: u32) -> io::Result<()> {
    let watch = move || {
        while parent_id() == host {
            std::thread::sleep(Duration::from_secs(1));
        }
        end_own();
        std::process::exit(1);
    };
    start_thread("host", watch).map_err(io::Error::other)?;
    Ok(())
}

/// A problem that fits a message.
fn shortened(mut problem: String) -> String {
    let length = problem.len();
    if length > LONGEST_PROBLEM {
        problem.truncate(problem.floor_char_boundary(LONGEST_PROBLEM));
        problem += &format!("… ({length} bytes in all)");
    }
    problem
}

struct Worker {
    model: Option<Here>,
    memory: Option<Borrowed>,
    noise: Option<Table>,
}

impl Worker {
    fn answer(&mut self, request: Request) -> Result<Reply, String> {
        Ok(match request {
            Request::Files(opening) => Reply::Files(list_files(&opening)?),
            Request::Open(open) => {
                let here = open_alone(&open)?;
                let manifest = here.manifest()?;
                let info = here.info().clone();
                self.model = Some(here);
                Reply::Opened { info, manifest }
            }
            Request::Map { path, .. } => {
                let problem =
                    |error| format!("its worker cannot share {}: {error}", path.display());
                self.memory = Some(Borrowed::open(&path).map_err(problem)?);
                Reply::Done
            }
            Request::Noise(table) => {
                self.noise = Some(table);
                Reply::Done
            }
            Request::Vote { values, rows } => {
                let (model, batch) = (self.model()?, self.values(values)?);
                guarded(rows, |votes| model.vote(batch, votes))?
            }
            Request::Draw { inputs, segments, padded_rows } => {
                let noise = self.noise.as_ref().ok_or("asked to draw before it knows the noise")?;
                let noise = AbiNoiseTable {
                    cells: noise.cells.as_slice().into(),
                    thresholds_high: noise.thresholds_high.as_slice().into(),
                    thresholds_low: noise.thresholds_low.as_slice().into(),
                    lowest: noise.lowest,
                };
                let inputs = self.values(inputs)?;
                let size = inputs.len().checked_div(segments.len()).unwrap_or(0).max(1);
                let address = |(input, segment): (_, &Segment)| AbiSegment {
                    input: RSlice::from_slice(input),
                    key: segment.key,
                    first: segment.first,
                    rows: segment.rows,
                };
                let own: Vec<_> = inputs.chunks_exact(size).zip(&segments).map(address).collect();
                let rows = segments.iter().map(|segment| segment.rows).sum();
                let model = self.model()?;
                guarded(rows, |votes| model.draw(noise, &own, padded_rows, votes))?
            }
        })
    }

    fn model(&self) -> Result<&Here, String> {
        self.model.as_ref().ok_or_else(|| "asked before it was opened".to_owned())
    }

    fn values(&self, values: usize) -> Result<&[i16], String> {
        let found = self.memory.as_ref().and_then(|memory| memory.first(values));
        found.ok_or_else(|| format!("its worker has no shared memory of {values} values"))
    }
}

/// Votes in a buffer whose end is watched.
fn guarded(
    rows: usize,
    ask: impl FnOnce(&mut [u32]) -> Result<(), PluginError>,
) -> Result<Reply, String> {
    let mut votes = vec![UNTOUCHED; rows + GUARD];
    ask(&mut votes[..rows]).map_err(|error| error.to_string())?;
    if votes[rows..].iter().any(|&value| value != UNTOUCHED) {
        // Whatever else it wrote to, this process must not go on.
        tracing::error!("a plugin wrote past the {rows} votes it was asked for");
        std::process::abort();
    }
    votes.truncate(rows);
    Ok(Reply::Votes(votes))
}
