//! Copies of plugins' libraries.
//!
//! A library may look for others relative to itself (`$ORIGIN`). Around the copy there are
//! links to what lies around the original: the libraries beside it, and the folders beside
//! and above it. What it links to is not in its digest; docs/security.md says so.

use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;

use super::{Copies, CopyError, Failure, below, copy, place};

impl Copies {
    /// Copies a library and digests what was written. Returns its place among the copies.
    pub(crate) fn add_library(&self, path: &Path) -> Result<(PathBuf, Digest), CopyError> {
        let read = |error| CopyError::Read { path: path.to_owned(), error };
        let original = place(path).map_err(read)?;
        let libraries = self.libraries.within(&self.folder);
        let failed = |failure: Failure| failure.of(path, &libraries);
        std::fs::create_dir_all(&libraries).map_err(|error| failed(Failure::Write(error)))?;
        // Under its own path, in a folder for this call: it may have changed since the last.
        let root = tempfile::Builder::new().tempdir_in(&libraries);
        let root = root.map_err(|error| failed(Failure::Write(error)))?.keep();
        let to = below(&root, &original);
        let digest = copy(&original, &to).map_err(failed)?;
        link_surroundings(&original, &to);
        Ok((to, digest))
    }
}

/// Links to libraries beside the original, and to folders beside it and above.
fn link_surroundings(original: &Path, copy: &Path) {
    let (mut from, mut to) = (original.parent(), copy.parent());
    let mut is_own_folder = true;
    while let (Some(folder), Some(there)) = (from, to) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        for entry in entries {
            let wanted = entry.path().is_dir() || is_own_folder && is_library(&entry.path());
            if wanted {
                // What is there already is the copy, or the way to it.
                link(&entry.path(), &there.join(entry.file_name()));
            }
        }
        is_own_folder = false;
        (from, to) = (folder.parent(), there.parent());
    }
}

/// `libx.so`, `libx.so.1.2`, `libx.dylib`.
fn is_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".so", ".dylib", ".dll"].iter().any(|suffix| name.contains(suffix))
}

/// A link that cannot be made is missed only by a library that needs it, which then says so.
#[cfg(unix)]
fn link(to: &Path, at: &Path) {
    let _ = std::os::unix::fs::symlink(to, at);
}

#[cfg(not(unix))]
fn link(to: &Path, at: &Path) {
    if to.is_file() {
        let _ = std::fs::copy(to, at);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_lies_around_a_library_lies_around_its_copy() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["bin/libx.so", "bin/liby.so.1", "bin/torch/z.so", "lib/w.so", "bin/notes"] {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), name).unwrap();
        }
        let copies = Copies::new().unwrap();
        let (copy, digest) = copies.add_library(&path("bin/libx.so")).unwrap();
        assert_eq!(digest, Digest::of(b"bin/libx.so"));
        let beside = |name: &str| copy.parent().unwrap().join(name);
        for (name, holds) in [
            ("liby.so.1", "bin/liby.so.1"),
            ("torch/z.so", "bin/torch/z.so"),
            ("../lib/w.so", "lib/w.so"),
            ("../bin/libx.so", "bin/libx.so"),
        ] {
            assert_eq!(std::fs::read_to_string(beside(name)).unwrap(), holds);
        }
        assert!(!beside("notes").exists());
        // The copy is a copy.
        std::fs::write(path("bin/libx.so"), "other").unwrap();
        assert_eq!(std::fs::read_to_string(&copy).unwrap(), "bin/libx.so");
        let again = copies.add_library(&path("bin/libx.so")).unwrap();
        assert_eq!(again.1, Digest::of(b"other"));
        assert_eq!(std::fs::read_to_string(&copy).unwrap(), "bin/libx.so");
    }
}
