//! Files that are written as a whole: for others to read, as files usually are.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// A file in a folder that is to be renamed. The permissions are those of any new file; temporary files
/// are their owner's alone.
pub(crate) fn unfinished(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// The folder that a file is in.
pub(crate) fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
