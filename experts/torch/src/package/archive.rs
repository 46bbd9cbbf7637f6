//! The file of a package: a zip archive of compiled code, its source and its metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::path::Path;

use drs_plugins_api::Error;
use tempfile::TempDir;
use zip::ZipArchive;

use super::refusals;
use crate::explain::model_error;

/// Texts are read up to this size.
const TEXTS: u64 = 64 << 20;
/// A file in the archive may be so many times as long as the archive. What PyTorch writes is not
/// compressed at all.
const EXPANSION: u64 = 20;

/// What the model's part of an archive holds.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// The most bytes that one entry is read for.
    most: u64,
    /// The names of the model's entries in the archive.
    code: String,
    source: String,
    metadata: Option<String>,
    kernels: Vec<String>,
}

/// Code where the system can load it.
pub(super) struct Unpacked {
    folder: TempDir,
    pub(super) library: String,
    /// The folder again, as a text.
    pub(super) kernels: String,
    has_kernels: bool,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| model_error(error.to_string()))?;
        let size = file.metadata().map_err(|error| model_error(error.to_string()))?;
        let zip = refusals::archive(BufReader::new(file))?;
        let names: Vec<String> =
            zip.file_names().filter_map(|name| name.ok().map(Into::into)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let models: BTreeSet<&str> = names.iter().filter_map(|name| model(name)).collect();
        let first = refusals::only_model(&names, &models)?.to_owned();
        let own = |name: &&str| model(name) == Some(&first);
        let own: Vec<&str> = names.iter().copied().filter(own).collect();
        let with = |ending: &str| own.iter().find(|name| name.ends_with(ending)).copied();
        let code = with(".so").ok_or_else(refusals::without_code)?;
        let stem = code.strip_suffix(".so").unwrap_or(code);
        // Beside the code, under its name.
        let beside = |ending: &str| {
            let name = format!("{stem}{ending}");
            own.contains(&&*name).then_some(name)
        };
        let metadata = beside("_metadata.json");
        let source = beside(".cpp").ok_or_else(|| refusals::without_source(code))?;
        let is_kernel = |name: &&str| {
            [".cubin", ".fatbin", ".hsaco", ".spv"].iter().any(|ending| name.ends_with(ending))
        };
        let kernels = own.iter().copied().filter(is_kernel).map(str::to_owned).collect();
        let code = code.to_owned();
        let most = size.len().saturating_mul(EXPANSION);
        Ok(Self { zip, most, code, source, metadata, kernels })
    }

    /// What the package says of itself.
    pub(super) fn metadata(&mut self) -> Result<BTreeMap<String, String>, Error> {
        let Some(name) = self.metadata.clone() else { return Ok(BTreeMap::new()) };
        let text = self.text(&name)?;
        serde_json::from_str(&text)
            .map_err(|error| model_error(format!("{name}: {error}, expected texts by name")))
    }

    /// The source that the code was compiled from.
    pub(super) fn source(&mut self) -> Result<String, Error> {
        let name = self.source.clone();
        self.text(&name)
    }

    /// The compiled code.
    pub(super) fn code(&mut self) -> Result<Vec<u8>, Error> {
        let name = self.code.clone();
        self.read(&name, self.most)
    }

    /// Writes code, and what it loads onto a device, into a folder of its own.
    pub(super) fn unpack(&mut self, code: &[u8]) -> Result<Unpacked, Error> {
        let failed = |error: std::io::Error| {
            model_error(format!("its code cannot be unpacked: {error}"))
                .hint("the variable TMPDIR names another folder for temporary files")
        };
        let folder = TempDir::with_prefix("drs-package-").map_err(failed)?;
        let write = |name: &str, bytes: &[u8]| {
            File::create_new(folder.path().join(name)).and_then(|mut file| file.write_all(bytes))
        };
        write("model.so", code).map_err(failed)?;
        for name in self.kernels.clone() {
            let bytes = self.read(&name, self.most)?;
            // Alone, so that no name leads out of the folder.
            write(name.rsplit(['/', '\\']).next().unwrap_or(&name), &bytes).map_err(failed)?;
        }
        let text = |path: &Path| {
            let text = path.to_str().map(str::to_owned);
            text.ok_or_else(|| model_error(format!("{} is no path in UTF-8", path.display())))
        };
        let library = text(&folder.path().join("model.so"))?;
        let kernels = text(folder.path())?;
        Ok(Unpacked { folder, library, kernels, has_kernels: !self.kernels.is_empty() })
    }

    fn text(&mut self, name: &str) -> Result<String, Error> {
        let bytes = self.read(name, TEXTS)?;
        String::from_utf8(bytes).map_err(|_| model_error(format!("{name} is no text in UTF-8")))
    }

    fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>, Error> {
        let failed = |error: &dyn std::fmt::Display| {
            model_error(format!("{name} in the archive cannot be read: {error}"))
                .hint("the file is damaged: copy or make it again")
        };
        let entry = self.zip.by_name(name).map_err(|error| failed(&error))?;
        let mut bytes = Vec::new();
        entry.take(most + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        if bytes.len() as u64 > most {
            return Err(failed(&format!("it is longer than {most} bytes")));
        }
        Ok(bytes)
    }
}

impl Unpacked {
    /// Removes the files, unless the device's part is still to be loaded.
    ///
    /// Loaded code needs its file no more, and a process that is killed then leaves none.
    pub(super) fn loaded(self) -> Option<TempDir> {
        self.has_kernels.then_some(self.folder)
    }
}

/// The model that an entry belongs to: `archive/data/aotinductor/MODEL/…`.
fn model(entry: &str) -> Option<&str> {
    let (_, rest) = entry.split_once("data/aotinductor/")?;
    rest.split_once('/').map(|(model, _)| model)
}
