//! A temporary folder that is removed with its owner, or by whoever comes after it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "drs-copies-";
/// Held for as long as the folder's owner lives.
const LOCK: &str = "lock";

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// A new folder; those whose owners were killed are removed.
    pub(super) fn new() -> io::Result<Self> {
        Self::within(&std::env::temp_dir())
    }

    /// The same, in a folder of one's choice.
    pub(super) fn within(parent: &Path) -> io::Result<Self> {
        // Plugins may ask for real paths: those of copies must begin as the folder's does.
        let parent = parent.canonicalize()?;
        sweep(&parent);
        let folder = private(tempfile::Builder::new().prefix(PREFIX)).tempdir_in(parent)?;
        let unfinished = folder.path().join("unfinished");
        let lock = File::create_new(&unfinished)?;
        lock.lock()?;
        // Under this name others look for it, and find it locked.
        std::fs::rename(unfinished, folder.path().join(LOCK))?;
        Ok(Self { path: folder.keep(), _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one that comes.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// For its owner alone, whatever the process's usual rights for new files are.
#[cfg(unix)]
fn private<'a, 'b, 'c>(
    builder: &'a mut tempfile::Builder<'b, 'c>,
) -> &'a mut tempfile::Builder<'b, 'c> {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(std::fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn private<'a, 'b, 'c>(
    builder: &'a mut tempfile::Builder<'b, 'c>,
) -> &'a mut tempfile::Builder<'b, 'c> {
    builder
}

/// A killed process leaves its folder, but no lock.
fn sweep(parent: &Path) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in ours.map(|entry| entry.path()) {
        // A pipe of this name would keep whoever opens it waiting.
        let path = folder.join(LOCK);
        if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            continue;
        }
        let lock = File::open(path);
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            // Those of other users stay.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A text about copies, with the paths of their originals: for messages that a plugin writes by
/// itself, which knows of copies only.
pub(crate) fn of_originals(text: &str) -> String {
    let Ok(parent) = std::env::temp_dir().canonicalize() else { return text.to_owned() };
    let folder = parent.join(PREFIX).display().to_string();
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&folder) {
        let (before, path) = rest.split_at(at);
        told.push_str(before);
        let name = &path[folder.len()..];
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        rest = match name[end..].strip_prefix("/files") {
            Some(original) => original,
            None => {
                told.push_str(&folder);
                name
            }
        };
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_tell_of_originals() {
        let folder = Folder::new().unwrap();
        let copy = folder.path().join("files/models/m.pth");
        let told = of_originals(&format!("{}: two sets; see {}.", copy.display(), copy.display()));
        assert_eq!(told, "/models/m.pth: two sets; see /models/m.pth.");
        let other = format!("{} is a folder", folder.path().display());
        assert_eq!(of_originals(&other), other);
    }

    #[test]
    fn folders_of_the_dead_are_removed_and_those_of_the_living_stay() {
        let parent = tempfile::tempdir().unwrap();
        let (dead, alive, new) = ("dead", "alive", "new");
        let folder = |name: &str| parent.path().join(format!("{PREFIX}{name}"));
        for name in [dead, alive, new] {
            std::fs::create_dir_all(folder(name).join("files/a")).unwrap();
        }
        File::create(folder(dead).join(LOCK)).unwrap();
        let held = File::create(folder(alive).join(LOCK)).unwrap();
        held.lock().unwrap();
        std::fs::create_dir(parent.path().join("another")).unwrap();
        sweep(parent.path());
        let there = |name: &str| folder(name).exists();
        assert_eq!([there(dead), there(alive), there(new)], [false, true, true]);
        assert!(parent.path().join("another").exists());
    }
}
