//! The socket to a worker, with an end to every wait.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::group::Group;

/// How often it is looked whether the worker still lives: what it has started may hold its end of
/// the socket open.
const LOOK: Duration = Duration::from_millis(100);

/// One question and its answer.
pub(super) struct Channel<'a> {
    pub(super) stream: &'a UnixStream,
    pub(super) group: &'a Group,
    /// When the answer must be there, all of it.
    pub(super) until: Instant,
}

impl Channel<'_> {
    fn wait(&self, mut act: impl FnMut(&UnixStream) -> io::Result<usize>) -> io::Result<usize> {
        let mut ended = false;
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let slice = Some(left.clamp(Duration::from_millis(1), LOOK));
            self.stream.set_read_timeout(slice)?;
            self.stream.set_write_timeout(slice)?;
            match act(self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // What it said last has come by now.
                    if ended {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    ended = self.group.ended().is_some();
                }
                outcome => return outcome,
            }
        }
    }
}

impl Read for Channel<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.wait(|mut stream| stream.read(bytes))
    }
}

impl Write for Channel<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|mut stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
