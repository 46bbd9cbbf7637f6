//! A worker with all that it starts: one process group.

use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus};

/// The group of a child that leads it. Ended with this value, whatever the child did before: a
/// plugin may have left children behind.
pub(super) struct Group {
    leader: Child,
}

impl Group {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self { leader: command.process_group(0).spawn()? })
    }

    /// How the leader ended, if it has. It stays a zombie until this value is gone, so that no
    /// other group gets its number.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        // SAFETY: an all-zero `siginfo_t` is a value of it, and the call writes no other memory.
        let (outcome, found) = unsafe {
            let mut found: libc::siginfo_t = std::mem::zeroed();
            let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            let outcome = libc::waitid(libc::P_PID, self.leader.id(), &raw mut found, options);
            (outcome, found)
        };
        // SAFETY: `waitid` fills in these fields, with zeros where no child has ended.
        let (pid, status) = unsafe { (found.si_pid(), found.si_status()) };
        if outcome != 0 || pid == 0 {
            return None;
        }
        // As `wait` tells it.
        let exited = found.si_code == libc::CLD_EXITED;
        Some(ExitStatus::from_raw(if exited { (status & 0xff) << 8 } else { status & 0x7f }))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Ok(number) = i32::try_from(self.leader.id()) {
            // SAFETY: sends a signal. The leader is not reaped yet: the number is its group's.
            let _ = unsafe { libc::kill(-number, libc::SIGKILL) };
        }
        let _ = self.leader.wait();
    }
}

/// Ends this process and all that it has started, if it leads a group.
pub(super) fn end_own() {
    // SAFETY: these ask for numbers and send a signal.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::kill(0, libc::SIGKILL);
        }
    }
}
