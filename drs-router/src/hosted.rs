//! Plugins that are part of this process, not libraries of their own.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use drs_core::lattice::Digest;
use drs_plugins_api::abi::PluginModuleRef;

use crate::copies::file_digest;

#[derive(Clone)]
struct Hosted {
    name: &'static str,
    /// The file that holds its code.
    library: PathBuf,
    module: PluginModuleRef,
    /// Of that file, from when it was first wanted.
    sha256: Arc<OnceLock<Digest>>,
}

static HOSTED: Mutex<Vec<Hosted>> = Mutex::new(Vec::new());

/// Makes a plugin known under its name that is no library of its own but part of this process:
/// `library` is the file that holds its code, whose digest stands in certificates. It is read once a model needs
/// the plugin.
pub fn host_plugin(name: &'static str, library: PathBuf, module: PluginModuleRef) {
    let mut all = HOSTED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|other| other.name != name);
    all.push(Hosted { name, library, module, sha256: Arc::default() });
}

/// The file that holds the code of a plugin of this name.
pub(crate) fn library_of(plugin: &str) -> Option<PathBuf> {
    one(|hosted| hosted.name == plugin).map(|hosted| hosted.library)
}

/// The file that holds the code of a plugin, by its name or by that file, and the file's digest.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn find(plugin: &str) -> Option<(PathBuf, io::Result<Digest>)> {
    let hosted = one(|hosted| hosted.name == plugin || hosted.library.as_os_str() == plugin)?;
    let sha256 = hosted.digest();
    Some((hosted.library, sha256))
}

/// The plugin whose code is in this file, which must have this digest.
pub(crate) fn module(library: &Path, sha256: Digest) -> Option<Result<PluginModuleRef, String>> {
    let hosted = one(|hosted| hosted.library == library)?;
    Some(match hosted.digest() {
        Ok(own) if own == sha256 => Ok(hosted.module),
        Ok(_) => Err("it was replaced while drs ran: start drs again".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}

fn one(is_it: impl Fn(&Hosted) -> bool) -> Option<Hosted> {
    let all = HOSTED.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().find(|hosted| is_it(hosted)).cloned()
}

impl Hosted {
    fn digest(&self) -> io::Result<Digest> {
        if let Some(known) = self.sha256.get() {
            return Ok(*known);
        }
        let sha256 = file_digest(&self.library)?;
        Ok(*self.sha256.get_or_init(|| sha256))
    }
}
