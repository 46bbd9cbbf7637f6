//! The files of a run.

use std::path::{Path, PathBuf};

use anyhow::bail;
use drs_data::Shard;

/// The table, and beside it the records and what the run is.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) table: PathBuf,
    pub(crate) records: PathBuf,
    pub(crate) run: PathBuf,
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
        if records == table || run == table {
            bail!(
                "--out {}: this is the table, give it another extension than .jsonl or .json",
                out.display()
            );
        }
        Ok(Self { table, records, run })
    }

    /// Refuses to write where there is something that no run can go on from.
    ///
    /// Empty files are what a run leaves that was killed at its very start.
    pub(crate) fn check_free(&self) -> anyhow::Result<()> {
        let is_taken = |path: &&PathBuf| path.metadata().is_ok_and(|found| found.len() > 0);
        match [&self.table, &self.records].into_iter().find(is_taken) {
            Some(path) => bail!("{} exists; --overwrite replaces it", path.display()),
            None => Ok(()),
        }
    }
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
        assert!(Paths::new(Path::new("b.jsonl"), None).is_err());
    }
}
