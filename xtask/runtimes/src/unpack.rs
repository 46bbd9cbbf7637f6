//! Takes from a wheel, which is a zip archive, the files that a view needs.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};

use anyhow::{Context as _, Result, ensure};
use zip::ZipArchive;

use crate::view::View;

/// Unpacks `wheel` into `folder`.
pub(crate) fn unpack(wheel: &Path, view: View, folder: &Path) -> Result<()> {
    let inner = || -> Result<()> {
        let mut archive = ZipArchive::new(io::BufReader::new(File::open(wheel)?))?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let name = entry.name()?.into_owned();
            ensure!(stays_inside(&name), "found the path {name:?}, expected one inside the wheel");
            if entry.is_dir() {
                continue;
            }
            let Some(place) = view.place(&name) else { continue };
            let path = folder.join(place);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let written = File::create(&path).and_then(|mut file| io::copy(&mut entry, &mut file));
            written.with_context(|| path.display().to_string())?;
        }
        Ok(())
    };
    inner().with_context(|| wheel.display().to_string())
}

/// Whether a name of the archive cannot lead out of the folder it is unpacked in.
fn stays_inside(name: &str) -> bool {
    // Backslashes separate folders on Windows and have no place in a wheel anywhere.
    !name.contains('\\') && Path::new(name).components().all(|c| matches!(c, Component::Normal(_)))
}
