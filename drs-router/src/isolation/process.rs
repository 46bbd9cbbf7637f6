//! One worker process, as the host sees it.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::group::Group;
use super::memory::Lent;
use super::wire::{Reply, Request, receive, send};
use super::{unexpected, worker};
use crate::plugin::Failure;
use crate::program::Program;
use crate::scarce::told;

pub(super) struct Process {
    group: Group,
    stream: UnixStream,
    memory: Option<Lent>,
    /// Whether it was told the noise.
    pub(super) knows_noise: bool,
}

impl Process {
    pub(super) fn start(program: &Program) -> io::Result<Self> {
        let (stream, other) = UnixStream::pair()?;
        // What a plugin prints must not end up among the host's results.
        let printed = io::stderr().as_fd().try_clone_to_owned()?;
        let mut command = program.command();
        // The worker moves the socket elsewhere before it loads anything.
        command.arg(worker::COMMAND).stdin(Stdio::from(OwnedFd::from(other))).stdout(printed);
        let group = Group::start(&mut command)?;
        Ok(Self { group, stream, memory: None, knows_noise: false })
    }

    /// Lets the worker have so many values, as `write` leaves them.
    pub(super) fn lend(
        &mut self,
        values: usize,
        timeout: Duration,
        write: impl FnOnce(&mut [i16]),
    ) -> Result<(), Failure> {
        if self.memory.as_ref().is_none_or(|memory| memory.values() < values) {
            let none = |error: io::Error| {
                let size = values.saturating_mul(size_of::<i16>()) as f64 / f64::from(1 << 20);
                Failure::Plugin(format!(
                    "no memory for a batch of {size:.1} MiB to share with its worker process: {}; a smaller --batch takes less, and the variable TMPDIR chooses the temporary folder",
                    told(&error)
                ))
            };
            // The old one first: both may be too much.
            self.memory = None;
            let (memory, place) = Lent::new(values).map_err(none)?;
            let request = Request::Map { path: place.path().to_owned(), values };
            match self.ask(&request, timeout)? {
                Reply::Done => self.memory = Some(memory),
                other => return Err(unexpected(&other)),
            }
        }
        if let Some(memory) = &mut self.memory {
            write(memory.first(values));
        }
        Ok(())
    }

    /// The answer, if it comes in time.
    pub(super) fn ask(&mut self, request: &Request, timeout: Duration) -> Result<Reply, Failure> {
        let Self { stream, group, .. } = self;
        let mut channel = Channel { stream, group, until: Instant::now() + timeout };
        send(&mut channel, request)
            .and_then(|()| receive(&mut channel))
            .map_err(|error| Failure::Lost(self.autopsy(&error, timeout)))
    }

    /// What became of the process.
    fn autopsy(&self, error: &io::Error, timeout: Duration) -> String {
        if error.kind() == io::ErrorKind::TimedOut {
            return format!(
                "no answer within {} s: its worker process was ended (isolation.timeout in experts.toml allows more)",
                timeout.as_secs_f64()
            );
        }
        // The end of the socket comes a little before the end of the process.
        let patience = Instant::now() + Duration::from_secs(2);
        loop {
            match self.group.ended() {
                Some(status) => return format!("its worker process {}", ending(status)),
                None if Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                None => return format!("its worker process does not answer: {error}"),
            }
        }
    }
}

/// How a process ended, in words.
#[must_use]
pub fn ending(status: ExitStatus) -> String {
    const NAMES: [(i32, &str); 8] = [
        (4, "illegal instruction"),
        (6, "abort"),
        (7, "bus error"),
        (8, "arithmetic error"),
        (9, "killed, perhaps for want of memory"),
        (11, "segmentation fault"),
        (15, "terminated"),
        (24, "processor time used up"),
    ];
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => match NAMES.iter().find(|(number, _)| *number == signal) {
            Some((_, name)) => format!("died of signal {signal} ({name})"),
            None => format!("died of signal {signal}"),
        },
        (None, None) => "ended".to_owned(),
    }
}
