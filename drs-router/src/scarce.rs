//! Resources that are limited for a process: threads, processes, open files, memory.

use std::io;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

/// A thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start a thread: {}; take fewer (--threads, and with --batch fewer inputs at once)", told(.0))]
pub struct NoThread(io::Error);

/// Starts a thread of this name.
///
/// # Errors
/// If a limit forbids another one.
pub fn start_thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, NoThread> {
    Builder::new().name(name.to_owned()).spawn(work).map_err(NoThread)
}

/// Starts a thread that ends with a scope.
///
/// # Errors
/// If a limit forbids another one.
pub fn start_scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, NoThread> {
    Builder::new().name(name.to_owned()).spawn_scoped(scope, work).map_err(NoThread)
}

/// An error, with the limits behind it where it speaks of one.
#[must_use]
pub fn told(error: &io::Error) -> String {
    let limits = limits::behind(error);
    if limits.is_empty() {
        return error.to_string();
    }
    format!("{error}; the limits here: {}", limits.join(", "))
}

#[cfg(unix)]
mod limits {
    use std::io;
    use std::path::Path;

    /// What they limit, in words, those that are set.
    pub(super) fn behind(error: &io::Error) -> Vec<String> {
        let processes =
            || most(libc::RLIMIT_NPROC, "processes and threads of this user (ulimit -u)");
        let memory = || most(libc::RLIMIT_AS, "bytes of address space (ulimit -v)");
        // With `/proc` it could not be told: that takes another open file.
        let files = || most(libc::RLIMIT_NOFILE, "open files (ulimit -n)");
        let limits = match error.raw_os_error() {
            Some(libc::EAGAIN) => vec![processes(), most_tasks(), memory()],
            Some(libc::ENOMEM) => vec![memory()],
            Some(libc::EMFILE) => vec![files()],
            _ => Vec::new(),
        };
        limits.into_iter().flatten().collect()
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    type Resource = libc::__rlimit_resource_t;
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    type Resource = libc::c_int;

    /// The limit of this process, in words; `None` where there is none.
    fn most(resource: Resource, of: &str) -> Option<String> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: it writes to this value only.
        let known = unsafe { libc::getrlimit(resource, &raw mut limit) } == 0;
        let set = known && limit.rlim_cur != libc::RLIM_INFINITY;
        set.then(|| format!("{} {of}", limit.rlim_cur))
    }

    /// How many tasks the control group may have, as containers set it.
    fn most_tasks() -> Option<String> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let root = Path::new("/sys/fs/cgroup");
        let folder = root.join(own);
        // The nearest group that has one.
        let most =
            folder.ancestors().take_while(|group| group.starts_with(root)).find_map(|group| {
                let most = std::fs::read_to_string(group.join("pids.max")).ok()?;
                most.trim().parse::<u64>().ok()
            })?;
        Some(format!("{most} processes and threads of this container (pids.max)"))
    }
}

#[cfg(not(unix))]
mod limits {
    pub(super) fn behind(_: &std::io::Error) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn too_many_open_files_are_told_with_the_limit() {
        let text = told(&io::Error::from_raw_os_error(libc::EMFILE));
        assert!(text.contains("open files (ulimit -n)"), "{text}");
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let error = io::Error::from_raw_os_error(2);
        assert_eq!(told(&error), error.to_string());
    }
}
