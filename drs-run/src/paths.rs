//! The files of a run.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use drs_analysis::{beside, marked};
use drs_data::Shard;
use serde_json::Value;

use crate::error::{RunError, refuse, wrong_usage};
use crate::table::heading;
use crate::whole;

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
    /// How the file begins that tells why no result holds.
    pub(crate) const UNSTEADY: &'static str = "found by drs certify: ";

    /// Of the table that was asked for; a shard's place gets into the names.
    pub(crate) fn new(out: &Path, shard: Option<Shard>) -> Result<Self, RunError> {
        let table = match shard {
            Some(shard) => marked(out, &format!("{}-of-{}", shard.index() + 1, shard.of())),
            None => out.to_owned(),
        };
        let records = beside(&table, "jsonl");
        if records == table {
            wrong_usage!(
                "{}: .jsonl is the file of certificates, whose name follows from the table's: name the table, such as {}",
                out.display(),
                out.with_extension("tsv").display()
            );
        }
        let [run, journal, failed, unsteady] = ["run.json", "journal", "failed.json", "unsteady"]
            .map(|extension| beside(&table, extension));
        Ok(Self { table, records, run, journal, failed, unsteady })
    }

    /// Refuses results that are another table's, or of which a run found out that none holds.
    pub(crate) fn check_usable(&self) -> Result<(), RunError> {
        self.check_only_table()?;
        self.check_steady()
    }

    fn check_steady(&self) -> Result<(), RunError> {
        match std::fs::read_to_string(&self.unsteady) {
            Ok(why) => refuse!(
                "no result in {} holds: {} (--overwrite begins anew, with a model that was mended)",
                self.table.display(),
                why.trim()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(RunError::file("read", &self.unsteady)(error)),
        }
    }

    /// All files that a run may have.
    pub(crate) fn all(&self) -> [PathBuf; 6] {
        let Self { table, records, run, journal, failed, unsteady } = self.clone();
        [table, records, run, journal, failed, unsteady]
    }

    /// Refuses two of a run's files that are one, such as by a link.
    pub(crate) fn check_apart(&self) -> Result<(), RunError> {
        let all = self.all();
        for (place, file) in all.iter().enumerate() {
            whole::check_apart(file, all[..place].iter().map(PathBuf::as_path))?;
        }
        Ok(())
    }

    /// Refuses to replace what is there: anything, or with `overwrite` what no run wrote.
    pub(crate) fn check(&self, overwrite: bool) -> Result<(), RunError> {
        for path in self.all() {
            if path.exists() && !path.is_file() {
                wrong_usage!("{} is no plain file: give another --out", path.display());
            }
        }
        self.check_only_table()?;
        if !overwrite {
            self.check_free()?;
        }
        self.check_own()
    }

    /// Refuses to replace files that are not of a run, whatever they are.
    fn check_own(&self) -> Result<(), RunError> {
        type IsOwn = fn(&str) -> bool;
        let own: [(&Path, IsOwn); 6] = [
            (&self.table, |text| text.starts_with(heading().trim_end())),
            (&self.records, |text| {
                text.starts_with("{\"idx\":") && text.contains("\"certificate\":{")
            }),
            (&self.run, |text| has_keys(text, &["drs", "method", "protocol", "models"])),
            (&self.journal, |text| text.starts_with("drs journal ")),
            (&self.failed, |text| has_keys(text, &["idx", "reason", "error"])),
            (&self.unsteady, |text| text.starts_with(Self::UNSTEADY)),
        ];
        for (path, is_own) in own {
            if path.is_file() && has_something(path) && !is_own(&beginning(path)?) {
                refuse!(
                    "{} is there and was not written by drs certify: move it away, or give another --out",
                    path.display()
                );
            }
        }
        Ok(())
    }

    /// Refuses certificates that belong to another table, whose name differs in its extension.
    fn check_only_table(&self) -> Result<(), RunError> {
        let Ok(text) = std::fs::read_to_string(&self.run) else { return Ok(()) };
        let run: Value = serde_json::from_str(&text).unwrap_or_default();
        let Some(name) = run.get("table").and_then(Value::as_str) else { return Ok(()) };
        let other = self.table.with_file_name(name);
        // A copy under another name has certificates of its own.
        let has_these = other != self.table && beside(&other, "jsonl") == self.records;
        if has_these && has_something(&other) && has_something(&self.records) {
            refuse!(
                "{} has the certificates of {}: give another --out",
                self.records.display(),
                other.display()
            );
        }
        Ok(())
    }

    /// The table's name without its folder.
    pub(crate) fn table_name(&self) -> String {
        let name = self.table.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Refuses to write where there is something that no run can go on from.
    ///
    /// Empty files are what a run leaves that was killed at its very start.
    fn check_free(&self) -> Result<(), RunError> {
        match [&self.table, &self.records].into_iter().find(|path| has_something(path)) {
            Some(path) if self.run.exists() => {
                refuse!(
                    "{} exists: give another --out, or --overwrite to replace it",
                    path.display()
                )
            }
            Some(path) => refuse!(
                "{} exists, but {}, which tells of which run it is, does not: bring that back to go on, give another --out, or --overwrite to replace it",
                path.display(),
                self.run.display()
            ),
            None => Ok(()),
        }
    }

    /// Whether there are results to go on from; an error if the part of them is lost that
    /// nothing else can tell.
    pub(crate) fn has_results(&self) -> Result<bool, RunError> {
        if self.records.exists() {
            return Ok(true);
        }
        if has_something(&self.table) {
            refuse!(
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

/// Enough of a file to tell what it is; descriptions of runs are whole in it.
const BEGINNING: u64 = 4 << 20;

fn beginning(path: &Path) -> Result<String, RunError> {
    let mut found = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut found));
    read.map_err(RunError::file("read", path))?;
    Ok(String::from_utf8_lossy(&found).into_owned())
}

/// Whether a text is a JSON object with these keys, or a list of such.
fn has_keys(text: &str, keys: &[&str]) -> bool {
    let fits = |value: &Value| keys.iter().all(|key| value.get(key).is_some());
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => items.iter().all(fits),
        Ok(value) => fits(&value),
        Err(_) => false,
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
