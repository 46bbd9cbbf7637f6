//! Files that are there whole or not at all.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Writes a file beside `path` and gives it that name. A file that is there keeps its rights, and a
/// link stays one.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let problem = || format!("cannot write {}", path.display());
    let real = path.canonicalize();
    let path = real.as_deref().unwrap_or(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As other files: what the user's mask leaves. Another user may merge.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).with_context(problem)?;
    file.write_all(text.as_bytes()).with_context(problem)?;
    if let Ok(before) = path.metadata() {
        file.as_file().set_permissions(before.permissions()).with_context(problem)?;
    }
    file.as_file().sync_all().with_context(problem)?;
    file.persist(path).with_context(problem)?;
    // A loss of power must not take the new name, without which nothing goes on. Some file
    // systems cannot wait for a folder; then there is nothing to wait for.
    #[cfg(unix)]
    let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
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
