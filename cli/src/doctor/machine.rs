//! Cores, memory, and places for files.

use std::path::Path;
use std::thread::available_parallelism;

use drs_memory::{Bytes, Limits};
use drs_router::{Copies, runs_code};

use super::check::Check;

/// Copies of models take as much room as the models: less than this will not do for long.
const LITTLE: u64 = 1 << 30;

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![cores(), memory(drs_memory::limits(), drs_memory::budget())];
    #[cfg(unix)]
    checks.push(sharing(drs_router::try_shared_memory()));
    let folder = std::env::temp_dir();
    let copies = Copies::new().map(drop);
    checks.push(temporary(&folder, copies, runs_code(&folder), free(&folder)));
    checks
}

fn cores() -> Check {
    const NAME: &str = "cores";
    let own = available_parallelism().map_or(1, usize::from);
    match online() {
        Some(all) if all > own => {
            Check::ok(NAME, format!("{own} of the {all} of the machine: a limit of this process"))
        }
        _ => Check::ok(NAME, own.to_string()),
    }
}

/// Cores of the machine that are switched on, whoever may use them.
fn online() -> Option<usize> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    count(text.trim())
}

/// How many numbers a list such as `0-3,8` holds.
fn count(list: &str) -> Option<usize> {
    let part = |part: &str| -> Option<usize> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    list.split(',').map(part).sum()
}

fn memory(Limits { machine, group, process }: Limits, budget: u64) -> Check {
    let parts = [
        ("in the machine", machine),
        ("for its container or group", group),
        ("for the process (ulimit -v)", process),
    ];
    let parts = parts.into_iter().filter_map(|(whose, bytes)| Some((whose, bytes?)));
    let parts: Vec<String> =
        parts.map(|(whose, bytes)| format!("{} {whose}", Bytes(bytes))).collect();
    let budget = format!("{} for reading files (--memory)", Bytes(budget));
    Check::ok("memory", [parts, vec![budget]].concat().join(", "))
}

/// What isolated plugins need. On Linux the size of `/dev/shm` has no part in it.
#[cfg(unix)]
fn sharing(tried: std::io::Result<()>) -> Check {
    const NAME: &str = "shared memory";
    match tried {
        Ok(()) => Check::ok(NAME, "isolated plugins can have it; the size of /dev/shm is no limit"),
        Err(error) => Check::bad(
            NAME,
            error.to_string(),
            "allow more memory (of the container, ulimit -v, DRS_MEMORY) or open files (ulimit -n); only --isolate needs it",
        ),
    }
}

/// Where private copies of plugins and models go.
fn temporary(
    folder: &Path,
    copies: std::io::Result<()>,
    runs_code: bool,
    free: Option<u64>,
) -> Check {
    const NAME: &str = "temporary folder";
    const OTHER: &str = "let the variable TMPDIR name another folder";
    let shown = folder.display();
    let room = free.map_or_else(String::new, |free| format!(", {} free", Bytes(free)));
    match copies {
        Err(error) => Check::bad(NAME, format!("{shown}: {error}"), format!("{OTHER} of yours")),
        Ok(()) if !runs_code => Check::none(
            NAME,
            format!("{shown}{room}; libraries cannot be loaded from there (noexec)"),
            format!(
                "copies of plugins go to $XDG_RUNTIME_DIR or ~/.cache/drs; for compiled PyTorch models (.pt2), {OTHER}"
            ),
        ),
        Ok(()) if free.is_some_and(|free| free < LITTLE) => {
            Check::none(NAME, format!("{shown}{room}: little for copies of models"), OTHER)
        }
        Ok(()) => Check::ok(NAME, format!("{shown}{room}; libraries can be loaded from there")),
    }
}

/// Bytes that the user may still write there.
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn lists_of_cores_are_counted() {
        for (list, expected) in
            [("0-3", Some(4)), ("0", Some(1)), ("0-1,4,6-7", Some(5)), ("3-1", None), ("", None)]
        {
            assert_eq!(count(list), expected, "{list}");
        }
    }

    #[test]
    fn every_limit_of_memory_is_told() {
        let limits = Limits { machine: Some(64 << 30), group: Some(8 << 30), process: None };
        let found = memory(limits, 1 << 30).found;
        for words in ["64.0 GiB in the machine", "8.0 GiB for its container", "1.0 GiB for reading"]
        {
            assert!(found.contains(words), "{found}");
        }
        assert!(!found.contains("ulimit"), "{found}");
    }

    #[test]
    fn the_temporary_folder_is_judged_by_what_it_is_for() {
        let state = |copies: bool, runs_code, free| {
            let copies = if copies { Ok(()) } else { Err(std::io::ErrorKind::NotFound.into()) };
            let check = temporary(Path::new("/t"), copies, runs_code, free);
            assert_eq!(check.mend.is_none(), check.state == State::Ok, "{check:?}");
            check.state
        };
        assert_eq!(state(true, true, Some(u64::MAX)), State::Ok);
        assert_eq!(state(true, true, None), State::Ok);
        assert_eq!(state(true, false, None), State::None);
        assert_eq!(state(true, true, Some(1 << 20)), State::None);
        assert_eq!(state(false, true, None), State::Bad);
    }
}
