//! Files and folders that one process at a time writes to.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{RunError, refuse};

/// A folder that is ours while this lives.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "open, it holds the lock")] Option<File>);

impl Lock {
    /// Locks a folder against others on this machine that would lock it. Network file systems keep
    /// nobody out on other machines.
    ///
    /// # Errors
    /// If another process has it, or it cannot be opened. A file system that knows no locks keeps
    /// nobody out: that is a warning.
    pub fn folder(path: &Path) -> Result<Self, RunError> {
        // Elsewhere folders cannot be opened as files: nobody is kept out.
        if !cfg!(unix) {
            return Ok(Self(None));
        }
        let folder = File::open(path).map_err(RunError::file("read", path))?;
        take(&folder, path)?;
        Ok(Self(Some(folder)))
    }
}

/// Locks an open file.
pub(crate) fn take(file: &File, path: &Path) -> Result<(), RunError> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => refuse!(
            "{} is being written by another process: let it finish, or give another --out",
            path.display()
        ),
        // Some file systems know no locks: then nobody is kept out.
        Err(TryLockError::Error(error)) => {
            tracing::warn!("{} cannot be locked: {error}", path.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn a_folder_is_locked_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let lock = super::Lock::folder(folder.path()).unwrap();
        let error = super::Lock::folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is being written by another process"), "{error}");
        drop(lock);
        let _ = super::Lock::folder(folder.path()).unwrap();
    }
}
