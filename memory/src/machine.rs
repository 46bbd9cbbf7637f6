//! What the machine, the control group and the process allow.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Bytes that this process can have at the most.
pub(crate) fn limit() -> u64 {
    let kind = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kind);
    let group = system.cgroup_limits().map(|limits| limits.total_memory).filter(|bytes| *bytes > 0);
    let all = [Some(system.total_memory()), group, own()];
    all.into_iter().flatten().min().unwrap_or(u64::MAX)
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
