//! The user's cache: makes a view once, also when several ask or one is killed.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::unpack::unpack;
use crate::view::View;

/// Written last into a view. To be counted up when what a view holds changes.
const MARKER: &str = ".drs-complete";
const LAYOUT: u32 = 1;

/// The folder in which views are kept.
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder of `view`. If it has to be made, `fetch` brings the wheels into the
    /// folder it is given and names them.
    pub(crate) fn provide(
        &self,
        view: View,
        fetch: impl FnOnce(&Path) -> Result<Vec<PathBuf>>,
    ) -> Result<PathBuf> {
        let folder = self.root.join(view.folder());
        if is_complete(&folder, view) {
            return Ok(folder);
        }
        let downloads = self.root.join("downloads");
        fs::create_dir_all(&downloads).with_context(|| downloads.display().to_string())?;
        // Held to the end; the system frees it if this process is killed.
        let _lock = self.lock()?;
        if is_complete(&folder, view) {
            return Ok(folder);
        }
        let wheels = fetch(&downloads)?;
        let unpacking = self.root.join(format!("{}.unpacking", view.folder()));
        remove(&unpacking)?;
        eprintln!("unpacking {}", view.folder());
        lay_out(&unpacking, view, &wheels)?;
        // They are large and no longer needed. Before the rename, because nobody
        // would come to remove them if this process were killed after it.
        for wheel in &wheels {
            fs::remove_file(wheel).with_context(|| wheel.display().to_string())?;
        }
        remove(&folder)?;
        fs::rename(&unpacking, &folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    /// One lock for all views: they share the downloads.
    fn lock(&self) -> Result<File> {
        let path = self.root.join("libtorch.lock");
        let locked = || -> io::Result<File> {
            let file = File::create(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    eprintln!("waiting: another process is fetching a runtime");
                    file.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            Ok(file)
        };
        locked().with_context(|| format!("{}: cannot be locked", path.display()))
    }
}

/// Makes the view in `folder`, with the marker last.
fn lay_out(folder: &Path, view: View, wheels: &[PathBuf]) -> Result<()> {
    fs::create_dir_all(folder.join("lib")).with_context(|| folder.display().to_string())?;
    for wheel in wheels {
        unpack(wheel, view, folder)?;
    }
    for (name, target) in view.links() {
        let path = folder.join("lib").join(name);
        link(Path::new(target), &path).with_context(|| path.display().to_string())?;
    }
    // torch-sys compares this with the version it is made for.
    fs::write(folder.join("build-version"), view.version())?;
    for file in view.needed() {
        let there = folder.join(&file).is_file();
        let file = file.display();
        ensure!(
            there,
            "found no {file} in the wheels of {}; this is an error in drs-runtimes",
            view.folder()
        );
    }
    fs::write(folder.join(MARKER), marker(view)).context(MARKER)
}

fn is_complete(folder: &Path, view: View) -> bool {
    fs::read_to_string(folder.join(MARKER)).is_ok_and(|text| text == marker(view))
        && view.needed().iter().all(|file| folder.join(file).is_file())
}

fn marker(view: View) -> String {
    format!("{} {}, layout {LAYOUT}\n", view.runtime(), view.version())
}

/// Removes a folder that may not be there.
fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
