//! The digests that experts.toml demands of model files.

use std::path::{Path, PathBuf};

use drs_core::lattice::Digest;

use super::error::LoadError;
use crate::config::ModelSpec;
use crate::copies::{Copies, place};

/// The pins of one model.
pub(super) struct Pins<'a> {
    /// Path and digest of each; `None` if the model has no pins.
    pins: Option<Vec<(PathBuf, &'a Digest)>>,
}

impl<'a> Pins<'a> {
    pub(super) fn new(spec: &'a ModelSpec, base_dir: &Path) -> Self {
        let pins = spec.files.as_ref();
        let from_base = |(name, digest): (&String, &'a Digest)| (base_dir.join(name), digest);
        Self { pins: pins.map(|pins| pins.iter().map(from_base).collect()) }
    }

    /// Whether all that is pinned is what it should be: asked before the plugin reads anything.
    pub(super) fn check_all(&self, copies: &Copies) -> Result<(), LoadError> {
        let mut pins = self.pins.iter().flatten();
        pins.try_for_each(|(path, _)| self.check(path, copies.add(path)?))
    }

    /// Whether a file of the model is pinned, if any is, and is what it should be.
    pub(super) fn check(&self, path: &Path, found: Digest) -> Result<(), LoadError> {
        let Some(pins) = &self.pins else { return Ok(()) };
        let fail = |problem: String| LoadError::Pin { path: path.to_owned(), problem };
        let same = |pinned: &Path| {
            let (a, b) = (place(pinned), place(path));
            matches!((a, b), (Ok(a), Ok(b)) if a == b)
        };
        let Some((_, expected)) = pins.iter().find(|(pinned, _)| same(pinned)) else {
            let problem = "the model is made of it, but experts.toml pins only others; `drs expert pin` writes all";
            return Err(fail(problem.to_owned()));
        };
        if found == **expected {
            return Ok(());
        }
        Err(fail(format!(
            "its sha256 is {found}, experts.toml expects {expected}; if the change was meant, `drs expert pin` writes the new one"
        )))
    }
}
