//! What the machine, the control group and the process allow.

use std::path::{Path, PathBuf};

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// What keeps this process from having more memory, in bytes; `None` where nothing does, or nothing tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What the machine has.
    pub machine: Option<u64>,
    /// The least limit of the control groups around the process: those of a container, of Slurm, of systemd.
    pub group: Option<u64>,
    /// The limit of the process itself (`ulimit -v`).
    pub process: Option<u64>,
}

/// What the system says now.
#[must_use]
pub fn limits() -> Limits {
    let kind = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let machine = Some(System::new_with_specifics(kind).total_memory()).filter(|bytes| *bytes > 0);
    // A group without a limit may write a number that no machine has.
    let group = groups().filter(|bytes| machine.is_none_or(|machine| *bytes < machine));
    Limits { machine, group, process: own() }
}

/// Bytes that this process can have at the most.
pub(crate) fn limit() -> u64 {
    let Limits { machine, group, process } = limits();
    [machine, group, process].into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// The least limit of the control groups that this process is in: its own, and those around it,
/// as jobs of Slurm and systemd have them.
fn groups() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    files(&text).into_iter().filter_map(|path| read(&path)).min()
}

/// The files that may tell, by the lines of `/proc/self/cgroup`.
fn files(text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        found.extend(path.ancestors().map(|group| Path::new(root).join(group).join(file)));
    }
    found
}

/// A limit in bytes; none where the file says `max`, or is not there.
fn read(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// `ulimit -v`.
#[cfg(unix)]
fn own() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn own() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_around_the_process_counts() {
        let shown = |text: &str| -> Vec<String> {
            files(text).iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(
            shown("0::/system.slice/job_7\n"),
            [
                "/sys/fs/cgroup/system.slice/job_7/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            shown("4:memory:/slurm\n3:cpuset:/\n"),
            [
                "/sys/fs/cgroup/memory/slurm/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            ]
        );
    }

    #[test]
    fn this_machine_has_a_limit() {
        assert!(limit() > 1 << 20 && limit() < u64::MAX);
    }
}
