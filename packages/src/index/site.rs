//! Where an index is.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;

use crate::error::PackageError;

/// A place whose files can be read one by one: a folder, or a server.
pub trait Site {
    /// What it is called in messages; its key is remembered by this.
    fn place(&self) -> String;

    /// Copies a file, by its path below the place. `None` if it is not there.
    ///
    /// # Errors
    /// If it cannot be read, or has more than `most` bytes.
    fn copy(&self, file: &str, most: u64, to: &mut dyn Write) -> Result<Option<u64>, PackageError>;
}

/// A folder of this machine.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder.
    ///
    /// # Errors
    /// If its absolute path cannot be told.
    pub fn new(root: PathBuf) -> Result<Self, PackageError> {
        let whole = std::path::absolute(&root).map_err(PackageError::file("find", root))?;
        Ok(Self { root: whole })
    }
}

impl Site for Folder {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn copy(&self, file: &str, most: u64, to: &mut dyn Write) -> Result<Option<u64>, PackageError> {
        let path = self.root.join(file);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(PackageError::file("read", &path))?,
        };
        let copied = io::copy(&mut file.take(most.saturating_add(1)), to);
        let copied = copied.map_err(PackageError::file("read", &path))?;
        within(copied, most).map_err(PackageError::package(path))?;
        Ok(Some(copied))
    }
}

/// Whether a file is no longer than it may be.
fn within(bytes: u64, most: u64) -> Result<(), String> {
    match bytes <= most {
        true => Ok(()),
        false => Err(format!("longer than the {most} bytes that were expected at the most")),
    }
}

/// A small file as a whole.
pub(super) fn small(
    site: &dyn Site,
    file: &str,
    most: u64,
) -> Result<Option<Vec<u8>>, PackageError> {
    let mut text = Vec::new();
    Ok(site.copy(file, most, &mut text)?.map(|_| text))
}
