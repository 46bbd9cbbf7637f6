//! Private copies of the files that a pool is made of.
//!
//! A file may be swapped between its digest and its use, and swapped back before it is
//! digested again. So each file is copied to a folder that only this user may enter, the
//! bytes are digested as they are written, and plugins are opened with the copies: what was
//! hashed is what is used, whatever happens to the originals.
//!
//! Copies lie below the folder as their originals lie in the file system, so that what a file
//! names relative to its place is found.

mod executable;
mod folder;
mod libraries;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use drs_core::lattice::Digest;
use sha2::{Digest as _, Sha256};

use executable::Libraries;
pub use executable::runs_code;
use folder::Folder;
pub(crate) use folder::of_originals;

/// Why a file could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The file.
    #[error("cannot read {path}: {error}")]
    Read {
        /// As it was asked for.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The place of the copy.
    #[error(
        "cannot write a private copy of {path} to {folder}: {error} (the variable TMPDIR chooses another folder)"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Where its copy was to be.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A folder of copies, removed with this value.
#[derive(Debug)]
pub struct Copies {
    folder: Folder,
    libraries: Libraries,
    /// Digests by the real paths of the originals.
    digests: Mutex<HashMap<PathBuf, Digest>>,
}

impl Copies {
    /// An empty folder where temporary files go.
    ///
    /// # Errors
    /// If there is none to be had.
    pub fn new() -> io::Result<Self> {
        let folder = Folder::new()?;
        Ok(Self { libraries: Libraries::beside(&folder), folder, digests: Mutex::default() })
    }

    /// Copies a file, unless it was copied before, and digests what was written.
    pub(crate) fn add(&self, path: &Path) -> Result<Digest, CopyError> {
        let read = |error| CopyError::Read { path: path.to_owned(), error };
        let original = place(path).map_err(read)?;
        // One copy at a time: a file that two models share is copied once.
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = digests.get(&original) {
            return Ok(*digest);
        }
        let digest = copy(&original, &below(&self.files(), &original))
            .map_err(|failure| failure.of(path, self.folder.path()))?;
        digests.insert(original, digest);
        Ok(digest)
    }

    /// Where the copy of a file is, or would be.
    pub(crate) fn of(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(below(&self.files(), &place(path)?))
    }

    /// The file that a path among the copies stands for, whether or not it is there.
    pub(crate) fn original(&self, copy: &Path) -> Option<PathBuf> {
        copy.strip_prefix(self.files()).ok().map(|rest| Path::new("/").join(rest))
    }

    /// The folder that stands for the root of the file system.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }
}

/// The real path of the folder in which a file has its name, and that name: links to folders
/// are followed, one to the file itself is not, since what lies beside it counts.
pub(crate) fn place(path: &Path) -> io::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"));
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Ok(folder.canonicalize()?.join(name))
}

/// A path of the file system below another root.
fn below(root: &Path, path: &Path) -> PathBuf {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_owned()),
        // A disk of Windows, as the name of a folder.
        Component::Prefix(disk) => {
            Some(OsString::from(disk.as_os_str().to_string_lossy().replace([':', '\\'], "_")))
        }
        Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    parts.fold(root.to_owned(), |path, part| path.join(part))
}

/// Which half of a copy failed.
enum Failure {
    Read(io::Error),
    Write(io::Error),
}

impl Failure {
    fn of(self, path: &Path, folder: &Path) -> CopyError {
        let path = path.to_owned();
        match self {
            Self::Read(error) => CopyError::Read { path, error },
            Self::Write(error) => CopyError::Write { path, folder: folder.to_owned(), error },
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<Digest, Failure> {
    let mut reader = open(from).map_err(Failure::Read)?;
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::Write)?;
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o400);
    let mut writer = options.open(to).map_err(Failure::Write)?;
    pour(&mut reader, |bytes| writer.write_all(bytes))
}

/// Reads all of a file; `take` gets the bytes that are digested.
fn pour(
    reader: &mut File,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Digest, Failure> {
    let mut hash = Sha256::new();
    let mut bytes = vec![0; 1 << 20];
    loop {
        let count = match reader.read(&mut bytes) {
            Ok(0) => return Ok(Digest(hash.finalize().into())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Read(error)),
        };
        hash.update(&bytes[..count]);
        take(&bytes[..count]).map_err(Failure::Write)?;
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe would wait for whoever writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// The SHA-256 of a file, which is read in pieces.
///
/// # Errors
/// If it cannot be read.
pub fn file_digest(path: &Path) -> io::Result<Digest> {
    match pour(&mut open(path)?, |_| Ok(())) {
        Ok(digest) => Ok(digest),
        Err(Failure::Read(error) | Failure::Write(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_what_was_digested_whatever_becomes_of_the_original() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weights");
        std::fs::write(&file, b"first").unwrap();
        let copies = Copies::new().unwrap();
        let digest = copies.add(&file).unwrap();
        assert_eq!(digest, Digest::of(b"first"));
        std::fs::write(&file, b"other").unwrap();
        assert_eq!(std::fs::read(copies.of(&file).unwrap()).unwrap(), b"first");
        assert_eq!(copies.add(&file).unwrap(), digest, "copied once");
        assert_eq!(file_digest(&file).unwrap(), Digest::of(b"other"));
        assert_eq!(copies.original(&copies.of(&file).unwrap()), Some(place(&file).unwrap()));
        let root = copies.files();
        drop(copies);
        assert!(!root.exists());
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let copies = Copies::new().unwrap();
        for (path, words) in [
            (folder.path().join("absent"), "absent: No such file"),
            (folder.path().to_owned(), "not a regular file"),
            (folder.path().join(".."), "not the name of a file"),
        ] {
            let error = copies.add(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_enter() {
        use std::os::unix::fs::PermissionsExt as _;
        let copies = Copies::new().unwrap();
        let mode = std::fs::metadata(copies.folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
