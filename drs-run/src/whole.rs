//! Files that are written whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{RunError, wrong_usage};

/// Writes a file beside `path` and gives it that name. A file that is there keeps its rights, and a
/// link stays one.
///
/// # Errors
/// If it cannot be written. What was there before is then still there.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), RunError> {
    Prepared::new(path, |file| file.write_all(content.as_ref()))?.put()
}

/// Removes a file that may not be there.
///
/// # Errors
/// If it is there and cannot be removed.
pub fn remove(path: &Path) -> Result<(), RunError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RunError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Refuses to write over a file that the command reads, under whatever name.
///
/// # Errors
/// If `out` is one of `inputs`.
pub fn check_apart<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), RunError> {
    // What is not there yet is nobody's input.
    let Some(own) = identity(out) else { return Ok(()) };
    let same = |input: &&Path| identity(input).as_ref() == Some(&own);
    let Some(input) = inputs.into_iter().find(same) else { return Ok(()) };
    let (out, input) = (out.display().to_string(), input.display().to_string());
    let what = if out == input { "it".to_owned() } else { format!("it is {input}, which") };
    wrong_usage!("{out} would be written, but {what} is read too: give another --out");
}

/// Equal for two names of one file. Nothing is opened: a pipe would wait.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;

    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

/// A file that is written, but does not have its name yet.
#[derive(Debug)]
pub struct Prepared {
    path: PathBuf,
    file: NamedTempFile,
}

impl Prepared {
    /// Writes what `fill` does beside `path`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(
        path: &Path,
        fill: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<Self, RunError> {
        let given = path;
        let real = path.canonicalize();
        let path = real.as_deref().unwrap_or(path);
        let mut builder = tempfile::Builder::new();
        // As other files: what the user's mask leaves. Another user may merge.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder
            .tempfile_in(folder(path))
            .map_err(unnamed)
            .map_err(RunError::file("write", given))?;
        fill(file.as_file_mut()).map_err(RunError::file("write", given))?;
        if let Ok(before) = path.metadata() {
            file.as_file()
                .set_permissions(before.permissions())
                .map_err(RunError::file("write", given))?;
        }
        file.as_file().sync_all().map_err(RunError::file("write", given))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Gives it its name, in place of a file that has it.
    ///
    /// # Errors
    /// If the name cannot be given.
    pub fn put(self) -> Result<(), RunError> {
        let Self { path, file } = self;
        file.persist(&path).map_err(|error| RunError::file("write", &path)(error.error))?;
        // A loss of power must not take the new name, without which nothing goes on. Some file
        // systems cannot wait for a folder; then there is nothing to wait for.
        #[cfg(unix)]
        let _ = File::open(folder(&path)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// The error without the name that the file would have had: nobody knows it.
fn unnamed(error: io::Error) -> io::Error {
    let plain = error.get_ref().and_then(std::error::Error::source).map(ToString::to_string);
    plain.map_or(error, io::Error::other)
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn rights_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        super::write(&file, "a").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        super::write(&link, "b").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "b");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
        assert!(super::write(&folder.path().join("no/file"), "").is_err());
    }
}
