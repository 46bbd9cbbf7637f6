//! The result files: TSV for tools of the field, JSONL for certificates. Both only grow.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use drs_analysis::Record;
use drs_core::certificate::ModelRecord;

use super::header::Header;
use super::paths::Paths;

/// The first six are the field's, in its order.
const COLUMNS: [&str; 12] = [
    "idx",
    "label",
    "predict",
    "radius",
    "correct",
    "time",
    "expert",
    "sigma",
    "route_radius",
    "class_radius",
    "draws",
    "latency",
];

/// Results are handed to the system at once and to the disk this often: what a loss of
/// power may cost.
const SYNC: Duration = Duration::from_secs(5);

/// The files, locked while they are open: no other process writes to them.
pub(crate) struct ResultFiles {
    table: Lines,
    records: Lines,
    synced: Instant,
}

impl ResultFiles {
    /// New files for a run; in place of what is there, if `overwrite` says so.
    pub(crate) fn create(paths: &Paths, header: &Header, overwrite: bool) -> anyhow::Result<Self> {
        let (mut table, mut records) = (Lines::open(&paths.table)?, Lines::open(&paths.records)?);
        // Asked once more, now that nobody else writes to them.
        if !overwrite {
            paths.check_free()?;
        }
        // First the files are emptied: a run that is stopped here has no results of another.
        table.cut(0)?;
        records.cut(0)?;
        header.write(&paths.run)?;
        table.append(&heading())?;
        Ok(Self { table, records, synced: Instant::now() })
    }

    /// The files of a run that was begun, and the results in them. What was written half
    /// is cut off.
    pub(crate) fn reopen(
        paths: &Paths,
        header: &Header,
    ) -> anyhow::Result<(Self, Vec<Record<'static>>)> {
        let (mut table, mut records) = (Lines::open(&paths.table)?, Lines::open(&paths.records)?);
        // Another process may have begun it anew before the files were ours.
        if Header::read(&paths.run)?.as_ref() != Some(header) {
            bail!("{} was changed meanwhile: start again", paths.run.display());
        }
        let done = results(paths, header)?;
        let length = |text: fn(&Line) -> &String| -> u64 {
            done.iter().map(|line| text(line).len() as u64).sum()
        };
        let heading = heading();
        let whole = heading.len() as u64 + length(|line| &line.row);
        // A heading that was written half is written again.
        let headless = table.length()? < heading.len() as u64;
        let cut = table.cut(if headless { 0 } else { whole })?
            + records.cut(length(|line| &line.text))?;
        if headless {
            table.append(&heading)?;
        } else if cut > 0 {
            say!(
                "note: the end of {} was written half ({cut} bytes with {}): that input is certified again",
                paths.table.display(),
                paths.records.display()
            );
        }
        let files = Self { table, records, synced: Instant::now() };
        Ok((files, done.into_iter().map(|line| line.record).collect()))
    }

    /// Appends one input to both files and hands it to the system.
    pub(crate) fn write(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        self.append(&row(record), &(serde_json::to_string(record)? + "\n"))
    }

    /// Appends a line to each.
    pub(crate) fn append(&mut self, row: &str, record: &str) -> anyhow::Result<()> {
        self.records.append(record)?;
        self.table.append(row)?;
        if self.synced.elapsed() >= SYNC {
            self.sync()?;
        }
        Ok(())
    }

    /// Waits until the disk has everything.
    pub(crate) fn sync(&mut self) -> anyhow::Result<()> {
        self.table.sync()?;
        self.records.sync()?;
        self.synced = Instant::now();
        Ok(())
    }
}

/// One input in both files, as they have it.
pub(crate) struct Line {
    pub(crate) row: String,
    pub(crate) text: String,
    pub(crate) record: Record<'static>,
}

/// The results of a run, as far as both files have them.
pub(crate) fn results(paths: &Paths, header: &Header) -> anyhow::Result<Vec<Line>> {
    let rows = whole_lines(&paths.table)?;
    if rows.first().is_some_and(|first| *first != heading()) {
        bail!("{}: line 1 is not the heading of results", paths.table.display());
    }
    let mut planned: BTreeSet<usize> = header.indices().into_iter().collect();
    let mut done = Vec::new();
    for (row, text) in rows.into_iter().skip(1).zip(whole_lines(&paths.records)?) {
        let line = done.len() + 1;
        let record: Record<'static> = serde_json::from_str(&text)
            .with_context(|| format!("{}: line {line}", paths.records.display()))?;
        if row != self::row(&record) {
            bail!(
                "{}: line {} is not what line {line} of {} says: one of them was changed",
                paths.table.display(),
                line + 1,
                paths.records.display()
            );
        }
        if !planned.remove(&record.idx) {
            bail!(
                "{}: line {line}: input {} is there twice, or is none of this run's",
                paths.records.display(),
                record.idx
            );
        }
        if !header.made(&record.certificate) {
            bail!(
                "{}: line {line} is of another run than {} tells",
                paths.records.display(),
                paths.run.display()
            );
        }
        done.push(Line { row, text, record });
    }
    Ok(done)
}

fn heading() -> String {
    COLUMNS.join("\t") + "\n"
}

/// A row of the table, from the record of the same input.
fn row(record: &Record<'_>) -> String {
    let certificate = &record.certificate;
    let verdict = &certificate.verdict;
    let models = certificate.provenance.iter().flat_map(|provenance| &provenance.models);
    let experts: Vec<&ModelRecord> = models.filter(|model| model.name != "router").collect();
    let expert = verdict.expert.and_then(|expert| experts.get(expert));
    let dash = || "-".to_owned();
    let class = |class: Option<usize>| class.map_or_else(|| "-1".to_owned(), |c| c.to_string());
    let fields = [
        record.idx.to_string(),
        class(record.label),
        class(verdict.class),
        format!("{:.6}", verdict.radius),
        u8::from(record.correct == Some(true)).to_string(),
        format!("{:.3}", record.time),
        expert.map_or_else(dash, |expert| expert.name.clone()),
        expert.map_or_else(dash, |expert| expert.sigma.get().to_string()),
        verdict.route_radius.map_or_else(|| "inf".to_owned(), |radius| format!("{radius:.6}")),
        format!("{:.6}", verdict.class_radius),
        certificate.draws().to_string(),
        record.latency.map_or_else(dash, |latency| format!("{latency:.3}")),
    ];
    fields.join("\t") + "\n"
}

/// The lines of a file that end, with their ends.
fn whole_lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let end = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |place| place + 1);
    let text = std::str::from_utf8(&text[..end])
        .with_context(|| format!("{}: not a text file", path.display()))?;
    Ok(text.split_inclusive('\n').map(str::to_owned).collect())
}

/// A file that grows line by line.
struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    /// Opens and locks it; makes it if it is not there.
    fn open(path: &Path) -> anyhow::Result<Self> {
        let problem = || format!("cannot write {}", path.display());
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = file.with_context(problem)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{} is being written by another process: let it finish, or give another --out",
                path.display()
            ),
            // Some file systems know no locks: then nobody is kept out.
            Err(TryLockError::Error(error)) => {
                tracing::warn!("{} cannot be locked: {error}", path.display());
            }
        }
        Ok(Self { path: path.to_owned(), file })
    }

    fn length(&self) -> anyhow::Result<u64> {
        let problem = || format!("cannot read {}", self.path.display());
        Ok(self.file.metadata().with_context(problem)?.len())
    }

    /// Cuts it behind so many bytes and goes on there; tells how many were cut off.
    fn cut(&mut self, length: u64) -> anyhow::Result<u64> {
        let problem = || format!("cannot write {}", self.path.display());
        let found = self.length()?;
        // What is no regular file has no length.
        if found != length {
            self.file.set_len(length).with_context(problem)?;
        }
        self.file.seek(SeekFrom::Start(length)).with_context(problem)?;
        Ok(found.saturating_sub(length))
    }

    fn append(&mut self, line: &str) -> anyhow::Result<()> {
        let written = self.file.write_all(line.as_bytes());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn sync(&self) -> anyhow::Result<()> {
        self.file.sync_data().with_context(|| format!("cannot write {}", self.path.display()))
    }
}
