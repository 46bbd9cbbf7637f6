//! The files of a run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use drs_analysis::{beside, marked};
use drs_data::Shard;

/// The table, and what lies beside it.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) table: PathBuf,
    /// The certificates.
    pub(crate) records: PathBuf,
    /// What the run is.
    pub(crate) run: PathBuf,
    /// The votes of inputs that are not finished.
    pub(crate) journal: PathBuf,
    /// The inputs that have no result.
    pub(crate) failed: PathBuf,
    /// Why no result of the run holds, if its model was found to vote on more than its input.
    pub(crate) unsteady: PathBuf,
}

impl Paths {
    /// Of the table that was asked for; a shard's place gets into the names.
    pub(crate) fn new(out: &Path, shard: Option<Shard>) -> anyhow::Result<Self> {
        let table = match shard {
            Some(shard) => marked(out, &format!("{}-of-{}", shard.index() + 1, shard.of())),
            None => out.to_owned(),
        };
        let records = beside(&table, "jsonl");
        if records == table {
            bail!("--out {}: this is the table, give it another extension", out.display());
        }
        let [run, journal, failed, unsteady] = ["run.json", "journal", "failed.json", "unsteady"]
            .map(|extension| beside(&table, extension));
        Ok(Self { table, records, run, journal, failed, unsteady })
    }

    /// Refuses results of which a run found out that none holds.
    pub(crate) fn check_steady(&self) -> anyhow::Result<()> {
        match std::fs::read_to_string(&self.unsteady) {
            Ok(why) => bail!(
                "no result in {} holds: {} (--overwrite begins anew, with a model that was mended)",
                self.table.display(),
                why.trim()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| self.unsteady.display().to_string()),
        }
    }

    /// Refuses to write where there is something that no run can go on from.
    ///
    /// Empty files are what a run leaves that was killed at its very start.
    pub(crate) fn check_free(&self) -> anyhow::Result<()> {
        match [&self.table, &self.records].into_iter().find(|path| has_something(path)) {
            Some(path) => bail!(
                "{} exists, but {}, which tells of which run it is, does not: bring that back to go on, give another --out, or --overwrite to replace it",
                path.display(),
                self.run.display()
            ),
            None => Ok(()),
        }
    }

    /// Whether there are results to go on from; an error if the part of them is lost that
    /// nothing else can tell.
    pub(crate) fn has_results(&self) -> anyhow::Result<bool> {
        if self.records.exists() {
            return Ok(true);
        }
        if has_something(&self.table) {
            bail!(
                "{} is there, but {} with its certificates is not, and nothing else tells them: bring it back to go on, or --overwrite to begin anew",
                self.table.display(),
                self.records.display()
            );
        }
        Ok(false)
    }
}

fn has_something(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.len() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_shard() {
        let names = |out: &str, shard: Option<&str>| {
            let shard = shard.map(|shard| shard.parse().unwrap());
            let paths = Paths::new(Path::new(out), shard).unwrap();
            [paths.table, paths.records, paths.run].map(|path| path.display().to_string())
        };
        assert_eq!(names("a/b.tsv", None), ["a/b.tsv", "a/b.jsonl", "a/b.run.json"]);
        assert_eq!(
            names("a/b.tsv", Some("2/8")),
            ["a/b.2-of-8.tsv", "a/b.2-of-8.jsonl", "a/b.2-of-8.run.json"]
        );
        // A σ in the name is no extension: files of two runs do not meet.
        assert_eq!(
            names("a/sigma_0.25", None),
            ["a/sigma_0.25", "a/sigma_0.25.jsonl", "a/sigma_0.25.run.json"]
        );
        assert_eq!(
            names("sigma_0.25", Some("1/2")),
            ["sigma_0.25.1-of-2", "sigma_0.25.1-of-2.jsonl", "sigma_0.25.1-of-2.run.json"]
        );
        assert!(Paths::new(Path::new("b.jsonl"), None).is_err());
    }
}
