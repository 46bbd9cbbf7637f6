//! What a library says of itself, asked in a process of its own.

use std::path::Path;
use std::time::Duration;

use drs_core::lattice::Digest;
use drs_plugins_api::PluginInfo;
use drs_router::{Library, ModelSpec};

use super::child::{Answer, Request, ask, single};
use super::subject::copies;

/// How long a library may take to tell its name.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen of a library.
pub(crate) struct Look {
    /// `None` where it could not be read.
    pub(crate) sha256: Option<Digest>,
    /// What it told, or why it does not load.
    pub(crate) told: Result<PluginInfo, String>,
}

/// Loads a library, which runs its code.
pub(crate) fn look(library: &Path) -> Look {
    let copies = match copies() {
        Ok(copies) => copies,
        Err(error) => return Look { sha256: None, told: Err(format!("{error:#}")) },
    };
    let spec = ModelSpec::new(&library.display().to_string(), serde_json::Value::Null);
    let copy = match Library::find(&spec, Path::new("/"), &copies) {
        Ok(copy) => copy,
        Err(error) => return Look { sha256: None, told: Err(error.to_string()) },
    };
    let told = ask(&Request::About(copy.clone()), PATIENCE);
    let told = told.and_then(|told| single(told, library, &|words| copy.plain(words)));
    let told = match told.as_deref() {
        Ok([Answer::About(info)]) => Ok(info.clone()),
        Ok(_) => Err("it told nothing".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    Look { sha256: Some(copy.sha256), told }
}
