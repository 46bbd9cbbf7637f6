//! The result files: TSV for tools of the field, JSONL for certificates. The certificates are the
//! results; the table is made from them.

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use drs_analysis::{Header, Record};

use crate::describe;
use crate::error::{RunError, refuse};
use crate::event::{Event, Events};
use crate::failed::Failed;
use crate::lines::Lines;
use crate::paths::Paths;
use crate::results::{Line, results};
use crate::table::{heading, row};
use crate::tally::Tally;
use crate::whole::{Prepared, remove};

/// Results are handed to the system at once and to the disk this often: what a loss of
/// power may cost.
const SYNC: Duration = Duration::from_secs(5);

/// The files, locked while they are open: no other process writes to them.
pub(crate) struct ResultFiles {
    table: Lines,
    records: Lines,
    /// The inputs, in the files' order.
    inputs: Vec<usize>,
    synced: Instant,
}

impl ResultFiles {
    /// New files for a run; in place of what is there, if `overwrite` says so.
    pub(crate) fn create(
        paths: &Paths,
        header: &Header,
        overwrite: bool,
    ) -> Result<Self, RunError> {
        paths.check_apart()?;
        let (mut table, mut records) = (Lines::open(&paths.table)?, Lines::open(&paths.records)?);
        // What keeps a new run from being described shows before anything of another is lost.
        let run = describe::prepared(header, &paths.run)?;
        // Asked once more, now that nobody else writes to them.
        paths.check(overwrite)?;
        // First the files are emptied: a run that is stopped here has no results of another.
        table.keep(std::iter::empty())?;
        records.keep(std::iter::empty())?;
        remove(&paths.journal)?;
        remove(&paths.failed)?;
        remove(&paths.unsteady)?;
        run.put()?;
        table.append(&heading())?;
        Ok(Self { table, records, inputs: Vec::new(), synced: Instant::now() })
    }

    /// All files of a run that is done: each is written under another name before the first one
    /// gets its own, in place of what is there if `overwrite` says so.
    pub(crate) fn write_whole(
        paths: &Paths,
        header: &Header,
        lines: &[&Line],
        failed: &Failed,
        overwrite: bool,
    ) -> Result<(), RunError> {
        paths.check_apart()?;
        // Nobody may be writing to what is replaced.
        let locks = [&paths.table, &paths.records].into_iter().filter(|path| path.exists());
        let locks = locks.map(|path| Lines::open(path)).collect::<Result<Vec<_>, _>>()?;
        paths.check(overwrite)?;
        let all = |path: &Path, first: &str, text: fn(&Line) -> &str| {
            Prepared::new(path, |file| {
                let mut file = BufWriter::new(file);
                file.write_all(first.as_bytes())?;
                lines.iter().try_for_each(|line| file.write_all(text(line).as_bytes()))?;
                file.flush()
            })
        };
        let records = all(&paths.records, "", |line| &line.text)?;
        let table = all(&paths.table, &heading(), |line| &line.row)?;
        let failed = failed.prepared(&paths.failed)?;
        let run = describe::prepared(header, &paths.run)?;
        // Without it, what is stopped here is nobody's run.
        for path in [&paths.run, &paths.journal, &paths.unsteady, &paths.failed] {
            remove(path)?;
        }
        failed.map_or(Ok(()), Prepared::put)?;
        records.put()?;
        table.put()?;
        run.put()?;
        drop(locks);
        Ok(())
    }

    /// The files of a run that was begun, and the results in them. What was written half
    /// is cut off; rows that the table lacks are made again. From now on the run is `header`, which
    /// has all that was `begun`.
    pub(crate) fn reopen(
        paths: &Paths,
        begun: &Header,
        header: &Header,
        events: &dyn Events,
    ) -> Result<(Self, Tally), RunError> {
        let had_table = paths.table.exists();
        let (mut table, mut records) = (Lines::open(&paths.table)?, Lines::open(&paths.records)?);
        // Another process may have begun it anew before the files were ours.
        if Header::read(&paths.run)?.as_ref() != Some(begun) {
            refuse!("{} was changed meanwhile: start again", paths.run.display());
        }
        let (mut tally, mut inputs) = (Tally::default(), Vec::new());
        // Of the records only how long they are: a long run has gigabytes of them.
        let (mut rows, mut lengths) = (Vec::new(), Vec::new());
        let matched = results(paths, header, |record, text, row| {
            tally.count(record);
            inputs.push(record.idx);
            lengths.push(text.len());
            rows.push(row);
        })?;
        if inputs.is_empty() && table.length()? > heading().len() as u64 {
            refuse!(
                "{} has rows, but {} has none of their certificates, and nothing else tells them: bring it back to go on, or --overwrite to begin anew",
                paths.table.display(),
                paths.records.display()
            );
        }
        if begun != header {
            describe::write(header, &paths.run)?;
        }
        let heading = heading();
        let headless = table.length()? < heading.len() as u64;
        let kept = rows[..matched].iter().map(String::len);
        let head = (!headless).then_some(heading.len());
        let surplus = table.keep(head.into_iter().chain(kept))?;
        let torn = records.keep(lengths.into_iter())?;
        if headless {
            table.append(&heading)?;
        }
        for row in &rows[matched..] {
            table.append(row)?;
        }
        let note = |text| events.tell(Event::Mended(text));
        let (shown, all) = (paths.table.display(), paths.records.display());
        if torn > 0 {
            note(format!(
                "the end of {all} was written half ({torn} bytes): that input is certified again"
            ));
        }
        match rows.len() - matched {
            0 if surplus > 0 && torn == 0 => {
                note(format!("the end of {shown} had no certificates ({surplus} bytes): cut off"));
            }
            0 => {}
            missing if had_table => {
                note(format!("{shown} lacked {missing} rows: they are made again from {all}"));
            }
            missing => {
                note(format!("{shown} was gone: it is made again from {all} ({missing} rows)"));
            }
        }
        let files = Self { table, records, inputs, synced: Instant::now() };
        Ok((files, tally))
    }

    /// The inputs that have a result.
    pub(crate) fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// Appends one input to both files and hands it to the system.
    pub(crate) fn write(&mut self, record: &Record<'_>) -> Result<(), RunError> {
        self.records.append(&(serde_json::to_string(record)? + "\n"))?;
        self.table.append(&row(record))?;
        self.inputs.push(record.idx);
        if self.synced.elapsed() >= SYNC {
            self.sync()?;
        }
        Ok(())
    }

    /// Waits until the disk has everything.
    pub(crate) fn sync(&mut self) -> Result<(), RunError> {
        // First what the table can be made of.
        self.records.sync()?;
        self.table.sync()?;
        self.synced = Instant::now();
        Ok(())
    }

    /// Ends the files with all inputs in their order, which a run leaves that was not disturbed,
    /// not extended, and lacked no input for a while.
    pub(crate) fn finish(mut self, paths: &Paths) -> Result<(), RunError> {
        if self.inputs.is_sorted() {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.inputs.len()).collect();
        order.sort_unstable_by_key(|&place| self.inputs[place]);
        let problem = |error: RunError| {
            error.within(format!(
                "all results are there, but not yet in the order of the inputs: the same command tries again to sort {}",
                paths.records.display()
            ))
        };
        self.sort(&order).map_err(problem)
    }

    fn sort(&mut self, order: &[usize]) -> Result<(), RunError> {
        let records = self.records.reordered(order.iter().copied())?;
        // The heading is its first line.
        let rows = std::iter::once(0).chain(order.iter().map(|place| place + 1));
        let table = self.table.reordered(rows)?;
        // An empty table between the two: what is stopped here makes it again from the records,
        // be they sorted by then or not.
        self.table.keep(std::iter::empty())?;
        records.put()?;
        table.put()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run over two inputs, of no models.
    fn header() -> Header {
        let zeros = "0".repeat(64);
        let json = serde_json::json!({
            "version": 3, "drs": "0", "method": "one:a", "seed": zeros, "input": {"shape": [1, 1, 2], "quantum": "1/255"},
            "protocol": {
                "n0": 1, "n": 1, "sampling": "fixed", "alpha": 0.1, "bounding": "one-sided",
                "split": {"route": 0.5, "next_set": 0.25, "next_expert": 0.25, "others": 0.5, "next_scale": 1.0},
            },
            "data": {"inputs": 2, "labels": zeros, "probes": {}},
            "start": 0, "skip": 1, "max": null, "shard": null, "models": [], "blend": [], "table": "a.tsv",
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_run_that_cannot_be_described_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Paths::new(&folder.path().join("a.tsv"), None).unwrap();
        std::fs::write(&paths.table, heading() + "0\n").unwrap();
        std::fs::write(&paths.records, "{\"idx\":0,\"certificate\":{}}\n").unwrap();
        let texts =
            |paths: &Paths| [&paths.table, &paths.records].map(|path| std::fs::read(path).unwrap());
        let before = texts(&paths);
        let run = std::mem::replace(&mut paths.run, folder.path().join("nowhere/a.run.json"));
        assert!(ResultFiles::create(&paths, &header(), true).is_err());
        assert_eq!(texts(&paths), before);
        paths.run = run;
        drop(ResultFiles::create(&paths, &header(), true).unwrap());
        assert_eq!(texts(&paths), [heading().into_bytes(), Vec::new()]);
    }
}
