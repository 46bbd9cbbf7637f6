//! Which files a process opens, told while it does: for `drs expert check`.
//!
//! The kernel asks before each `open` of the threads that are watched (seccomp's user
//! notification, Linux 5.5), and is told to go on. It needs no rights and changes nothing for
//! what is watched. Not seen: what another process opens and passes on, files that are mapped or
//! inherited already, and `io_uring`. It finds mistakes; it is no defence against malice.

#[cfg(all(target_os = "linux", target_endian = "little"))]
mod seccomp;

use std::path::Path;

/// Tells `see` of every file that this thread, and threads and processes that it starts from now
/// on, open for reading, if the file is there.
///
/// # Errors
/// If the system cannot do this; the message says why.
#[cfg(all(target_os = "linux", target_endian = "little"))]
pub fn watch_opens(see: impl FnMut(&Path) + Send + 'static) -> Result<(), String> {
    seccomp::watch(see).map_err(|error| format!("this system does not tell of opens: {error}"))
}

/// Other systems cannot.
///
/// # Errors
/// Always.
#[cfg(not(all(target_os = "linux", target_endian = "little")))]
pub fn watch_opens(_: impl FnMut(&Path) + Send + 'static) -> Result<(), String> {
    Err("only Linux tells of opens".to_owned())
}

/// Whether a file is one of the system's, or code: no part of a model.
#[must_use]
pub fn is_of_the_system(path: &Path) -> bool {
    const FOLDERS: [&str; 9] =
        ["/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64", "/run", "/nix/store"];
    let is_cache = path.to_string_lossy().contains("/.nv/ComputeCache/");
    is_cache || FOLDERS.iter().any(|folder| path.starts_with(folder)) || is_code(path)
}

/// Shared libraries begin so.
fn is_code(path: &Path) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 4];
    let file = std::fs::File::open(path);
    file.and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

#[cfg(all(test, target_os = "linux", target_endian = "little"))]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn opens_are_told_and_succeed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("there"), b"contents").unwrap();
        let (sender, opened) = mpsc::channel::<PathBuf>();
        let (own, other) = (path("there"), path("new"));
        // Its own thread: what is watched once is watched for good.
        let watched = std::thread::spawn(move || {
            let (root, told) = (own.parent().unwrap().to_owned(), sender);
            watch_opens(move |path| {
                if path.starts_with(&root) {
                    told.send(path.to_owned()).unwrap();
                }
            })?;
            assert!(std::fs::read(own.with_file_name("absent")).is_err());
            std::fs::write(&other, b"written").unwrap();
            // A thread that comes later.
            let inner = std::thread::spawn(move || std::fs::read(own).unwrap());
            assert_eq!(inner.join().unwrap(), b"contents");
            Ok::<_, String>(())
        });
        if let Err(problem) = watched.join().unwrap() {
            eprintln!("SKIPPED: {problem}");
            return;
        }
        let first = opened.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(first, path("there"), "neither what is absent nor what is only written");
    }

    #[test]
    fn system_files_and_code_are_no_models() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, b"\x7fELF code").unwrap();
        assert!(is_of_the_system(&file) && is_of_the_system(Path::new("/proc/self/maps")));
        std::fs::write(&file, b"weights").unwrap();
        assert!(!is_of_the_system(&file));
    }
}
