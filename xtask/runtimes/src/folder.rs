//! What makes a folder a usable libtorch.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::VERSION;

/// Checks a folder that the user named in `LIBTORCH`.
pub(crate) fn check_given(folder: &Path) -> Result<()> {
    let mend = format!(
        "set LIBTORCH to an unpacked libtorch {VERSION} (or the torch folder of a Python \
         environment that has it), or unset it and one is fetched"
    );
    let library = format!("lib/{DLL_PREFIX}torch_cpu{DLL_SUFFIX}");
    for file in [library.as_str(), "include/torch/script.h"] {
        if !folder.join(file).is_file() {
            bail!("LIBTORCH is {}: found no {file} there: {mend}", folder.display());
        }
    }
    if let Some(found) = version(folder)?.filter(|found| found != VERSION) {
        bail!(
            "LIBTORCH is {}: found version {found}, expected {VERSION}: {mend}",
            folder.display()
        );
    }
    Ok(())
}

/// The version that the folder says it has, without a suffix such as `+cpu`.
fn version(folder: &Path) -> Result<Option<String>> {
    // The first is of libtorch archives, the second of Python packages.
    for name in ["build-version", "version.py"] {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let value = if name == "build-version" {
            Some(text.as_str())
        } else {
            text.lines().find_map(|line| line.strip_prefix("__version__ ="))
        };
        let value = value.map(|value| value.trim().trim_matches(['\'', '"']));
        return Ok(value.and_then(|value| value.split('+').next()).map(str::to_owned));
    }
    Ok(None)
}
