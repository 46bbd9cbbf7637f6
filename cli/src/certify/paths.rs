//! The files of a run.

use std::path::{Path, PathBuf};

use anyhow::bail;
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
}

impl Paths {
    /// Of the table that was asked for; a shard's place gets into the names.
    pub(crate) fn new(out: &Path, shard: Option<Shard>) -> anyhow::Result<Self> {
        let mut table = out.to_owned();
        if let Some(shard) = shard {
            let stem = out.file_stem().unwrap_or_default().to_string_lossy();
            let extension = out.extension().unwrap_or_default().to_string_lossy();
            let dot = if extension.is_empty() { "" } else { "." };
            let (index, of) = (shard.index() + 1, shard.of());
            table.set_file_name(format!("{stem}.{index}-of-{of}{dot}{extension}"));
        }
        // The last extension goes: shards' names hold a dot.
        let records = table.with_extension("jsonl");
        let run = table.with_extension("run.json");
        let journal = table.with_extension("journal");
        let failed = table.with_extension("failed.json");
        if [&records, &run, &journal, &failed].contains(&&table) {
            bail!(
                "--out {}: this is the table, give it another extension than .jsonl or .journal",
                out.display()
            );
        }
        Ok(Self { table, records, run, journal, failed })
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
        for bad in ["b.jsonl", "b.journal"] {
            assert!(Paths::new(Path::new(bad), None).is_err(), "{bad}");
        }
    }
}
