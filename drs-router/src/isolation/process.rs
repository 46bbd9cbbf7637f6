//! One worker process, as the host sees it.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::memory::Lent;
use super::wire::{Reply, Request, receive, send};
use super::{unexpected, worker};
use crate::plugin::Failure;

pub(super) struct Process {
    child: Child,
    stream: UnixStream,
    memory: Option<Lent>,
    /// Whether it was told the noise.
    pub(super) knows_noise: bool,
}

impl Process {
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let (stream, other) = UnixStream::pair()?;
        // What a plugin prints must not end up among the host's results.
        let printed = io::stderr().as_fd().try_clone_to_owned()?;
        let child = Command::new(program)
            .arg(worker::COMMAND)
            .stdin(Stdio::from(OwnedFd::from(other)))
            .stdout(Stdio::from(printed))
            .spawn()?;
        Ok(Self { child, stream, memory: None, knows_noise: false })
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
                Failure::Plugin(format!("no memory to share with its worker process: {error}"))
            };
            let (memory, file) = Lent::new(values).map_err(none)?;
            let request = Request::Map { path: file.path().to_owned(), values };
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
        let asked = Instant::now();
        let limit = Some(timeout);
        let answer = self
            .stream
            .set_read_timeout(limit)
            .and_then(|()| self.stream.set_write_timeout(limit))
            .and_then(|()| send(&self.stream, request))
            .and_then(|()| receive(&self.stream));
        answer.map_err(|error| Failure::Lost(self.autopsy(&error, asked.elapsed(), timeout)))
    }

    /// What became of the process.
    fn autopsy(&mut self, error: &io::Error, took: Duration, timeout: Duration) -> String {
        use io::ErrorKind::{TimedOut, WouldBlock};
        if matches!(error.kind(), TimedOut | WouldBlock) && took >= timeout {
            return format!(
                "no answer within {} s: its worker process was ended (isolation.timeout in experts.toml allows more)",
                timeout.as_secs_f64()
            );
        }
        // The end of the socket comes a little before the end of the process.
        let patience = Instant::now() + Duration::from_secs(2);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!("its worker process {}", ending(status)),
                Ok(None) if Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                _ => return format!("its worker process does not answer: {error}"),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
