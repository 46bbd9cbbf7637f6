//! Where a run writes its files, and what is there already.

use std::path::Path;
use std::sync::Arc;

use drs_analysis::Header;
use drs_core::certificate::ModelRecord;
use drs_data::Shard;

use crate::error::RunError;
use crate::finding::Finding;
use crate::paths::Paths;
use crate::whole;

/// The place of a run, looked at before any model is loaded: cheap refusals come first.
pub struct Site {
    pub(crate) paths: Paths,
    pub(crate) shard: Option<Shard>,
    pub(crate) overwrite: bool,
    /// The run that has results there, to go on with.
    pub(crate) begun: Option<Header>,
    pub(crate) finding: Arc<Finding>,
}

impl Site {
    /// The place whose table is `out`, or `out` with the shard in its name. `reads` are the files
    /// that the run reads, which it must not write over.
    ///
    /// # Errors
    /// If what is there is neither a run to go on with nor free, or is not to be overwritten.
    pub fn new<'a>(
        out: &Path,
        shard: Option<Shard>,
        overwrite: bool,
        reads: impl Iterator<Item = &'a Path> + Clone,
    ) -> Result<Self, RunError> {
        let paths = Paths::new(out, shard)?;
        let begun = if overwrite { None } else { Header::read(&paths.run)? };
        let begun = match begun {
            Some(begun) if paths.has_results()? => Some(begun),
            _ => None,
        };
        for path in paths.all() {
            whole::check_apart(&path, reads.clone())?;
        }
        match begun {
            Some(_) => paths.check_usable()?,
            None => paths.check(overwrite)?,
        }
        let finding = Arc::new(Finding::new(&paths));
        Ok(Self { paths, shard, overwrite, begun, finding })
    }

    /// The run that has results there.
    #[must_use]
    pub fn begun(&self) -> Option<&Header> {
        self.begun.as_ref()
    }

    /// Its table.
    #[must_use]
    pub fn table(&self) -> &Path {
        &self.paths.table
    }

    /// Remembers that models cannot be used, since they vote on more than their own input: if they
    /// are the very models of the run that was begun, what it has does not hold.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn note_unsteady(&self, models: &[ModelRecord], found: &str) -> Result<(), RunError> {
        match &self.begun {
            Some(begun) if begun.models == models => self.finding.note(found),
            _ => Ok(()),
        }
    }
}
