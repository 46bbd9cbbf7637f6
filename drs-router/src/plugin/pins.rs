//! The digests that experts.toml demands of model files.

use std::path::Path;

use super::expert::{LoadError, digest};
use crate::config::ModelSpec;

impl ModelSpec {
    /// Whether the pinned files are what they should be: asked before a model is opened.
    pub(super) fn check_files(&self, base_dir: &Path) -> Result<(), LoadError> {
        let Some(pins) = &self.files else { return Ok(()) };
        pins.iter().try_for_each(|(name, expected)| {
            let path = base_dir.join(name);
            let found = digest(&path)?.sha256;
            if found == *expected {
                return Ok(());
            }
            let problem = format!(
                "its sha256 is {found}, experts.toml expects {expected}; if the change was meant, `drs expert pin` writes the new one"
            );
            Err(LoadError::Pin { path, problem })
        })
    }

    /// Whether a file that the opened model is made of is pinned, if any is, and still what it
    /// should be.
    pub(super) fn check_pinned(&self, file: &Path, base_dir: &Path) -> Result<(), LoadError> {
        let Some(pins) = &self.files else { return Ok(()) };
        let same = |name: &str| {
            let (a, b) = (base_dir.join(name).canonicalize(), file.canonicalize());
            matches!((a, b), (Ok(a), Ok(b)) if a == b)
        };
        let fail = |problem: String| LoadError::Pin { path: file.to_owned(), problem };
        let Some((_, expected)) = pins.iter().find(|(name, _)| same(name)) else {
            let problem = "the model is made of it, but experts.toml pins only others; `drs expert pin` writes all";
            return Err(fail(problem.to_owned()));
        };
        if digest(file)?.sha256 == *expected {
            return Ok(());
        }
        Err(fail("it changed while the model was opened".to_owned()))
    }
}
