//! The zip format of `torch.save`: `<prefix>/data.pkl` and `<prefix>/data/<key>`.

use std::borrow::Cow;
use std::io::{Cursor, Read as _};

use ::zip::ZipArchive;
use ::zip::read::{ArchiveOffset, Config};
use ::zip::result::ZipError;

use crate::Checkpoint;
use crate::error::shown;
use crate::pickle::{self, Bytes};

use super::{budget, over_budget, state_dict};

pub(crate) fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    // Told, not detected: for archives such as PyTorch's, which end with both
    // zip64 records and plain ones, zip 9.8's detection takes the second entry
    // for the first where that has 76 bytes (a file's name of 21 characters).
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let zip = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(|error| {
        format!(
            "truncated or damaged: a zip archive without a readable directory at its end, byte {} ({error}); download or copy it again",
            bytes.len()
        )
    })?;
    let prefix = prefix(&zip)?;
    let mut archive = Archive { zip, prefix, most: bytes.len(), budget: budget(bytes.len()) };
    if archive.has("constants.pkl") {
        return Err(
            "a TorchScript archive (torch.jit.save), which holds code; save the module's state_dict with torch.save, or as safetensors".to_owned(),
        );
    }
    if archive.has("byteorder") {
        let order = archive.entry("byteorder")?;
        if order != b"little" {
            return Err(format!(
                "its byte order is `{}`, expected `little`: load it in Python and save it on a little-endian machine",
                shown(&String::from_utf8_lossy(&order))
            ));
        }
    }
    let pickle = archive.entry("data.pkl")?;
    let (heap, root) = pickle::load(&mut Bytes::new(&pickle, 0, "its entry data.pkl"))?;
    state_dict::read(&heap, root, budget(bytes.len()), |key| {
        archive.entry(&format!("data/{key}")).map(Cow::Owned)
    })
}

struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    prefix: String,
    /// The size of the file.
    most: usize,
    budget: u64,
}

/// The folder that all entries are in: mostly `archive`, or the file's name.
fn prefix(zip: &ZipArchive<Cursor<&[u8]>>) -> Result<String, String> {
    let folder =
        |name: &[u8]| Some(str::from_utf8(name).ok()?.strip_suffix("/data.pkl")?.to_owned());
    zip.file_names_raw().filter_map(folder).find(|folder| !folder.contains('/')).ok_or_else(|| {
        let has = |part: &str| {
            zip.file_names_raw().any(|name| String::from_utf8_lossy(name).contains(part))
        };
        if has("data/aotinductor/") {
            return "a package of AOTInductor, which holds a compiled network, expected a checkpoint of torch.save; the plugin `torch` runs it with kind = \"export\"".to_owned();
        }
        if has("/models/") {
            return "an exported program of torch.export, expected a checkpoint of torch.save; `torch._inductor.aoti_compile_and_package` makes a package of it, which the plugin `torch` runs with kind = \"export\"".to_owned();
        }
        "a zip archive without `<name>/data.pkl`, expected one that torch.save made; if it holds a checkpoint, unpack it first".to_owned()
    })
}

impl Archive<'_> {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&self.path(name)).is_some()
    }

    fn entry(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.path(name);
        let fail = |problem: String| format!("its entry `{}` {problem}", shown(&path));
        let entry = self.zip.by_name(&path).map_err(|error| match error {
            ZipError::FileNotFound => fail("is missing".to_owned()),
            error => fail(format!("cannot be read: {error}")),
        })?;
        // The size that the archive gives is a hint, never trusted with memory.
        let hint = usize::try_from(entry.size()).unwrap_or(0).min(self.most);
        let mut data = Vec::with_capacity(hint);
        // One more tells that there is too much.
        let most = self.budget.saturating_add(1);
        let read = entry.take(most).read_to_end(&mut data);
        read.map_err(|error| fail(format!("is truncated or damaged ({error}): download or copy the file again; if PyTorch saved it without checksums, load it in Python and save it with them")))?;
        self.budget = self
            .budget
            .checked_sub(data.len() as u64)
            .ok_or_else(|| over_budget("its data", format!("more than {}", self.budget)))?;
        Ok(data)
    }
}
