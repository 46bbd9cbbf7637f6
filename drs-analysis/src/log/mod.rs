//! A certification log: one row for each input.

mod record;
mod table;
mod time;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use drs_core::certificate::Binds;
use drs_core::pool::Phase;
use flate2::read::MultiGzDecoder;

pub use record::Record;

/// A file that is no certification log; the message says what was found and expected.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct LogError {
    path: PathBuf,
    problem: String,
}

/// One run of certification.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// The file's name without its extension.
    pub name: String,
    /// At least one, by rising index, each index once.
    pub rows: Vec<Row>,
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Index of the input in its data set.
    pub index: usize,
    /// True class; `None` if the data set had no labels.
    pub label: Option<usize>,
    /// Certified class; `None` abstained.
    pub predict: Option<usize>,
    /// Certified L2 radius as printed; 0 where abstained.
    pub radius: f64,
    /// Seconds, if the log has them.
    pub seconds: Option<f64>,
    /// Noisy copies classified, if the log has them.
    pub draws: Option<u64>,
    /// The route, if the log has it.
    pub routing: Option<Routing>,
}

impl Row {
    /// Whether the certified class is known to be the true one.
    #[must_use]
    pub fn correct(&self) -> bool {
        self.label.is_some() && self.predict == self.label
    }

    /// Whether the certified class is the true one at this distance: the field's
    /// rule, radius ≥ r. At r = 0 this is [`correct`](Self::correct).
    #[must_use]
    pub fn certified(&self, radius: f64) -> bool {
        self.correct() && self.radius >= radius
    }
}

/// How an input was routed.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    /// The expert by name (by index in records without names); `None` if the router abstained.
    pub expert: Option<String>,
    /// That expert's noise level, if the log has it.
    pub sigma: Option<f64>,
    /// Within this distance the route holds; +∞ if nothing depends on it.
    pub route_radius: f64,
    /// Within this distance the class holds.
    pub class_radius: f64,
    /// Which of the two is smaller; `None` without a route.
    pub binds: Option<Binds>,
    /// Number of experts that the radius rests on; only records have it.
    pub set: Option<usize>,
    /// Draws by stage; only records have them.
    pub stages: Vec<Draws>,
}

/// The draws of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draws {
    /// `router` or the expert's name.
    pub model: String,
    /// What they were for.
    pub phase: Phase,
    /// How many.
    pub count: u64,
}

/// The text of a log, gzipped (`.gz`) or not.
///
/// # Errors
/// If the file cannot be opened.
pub fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    Ok(if is_gzipped(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn is_gzipped(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

impl Log {
    /// Whether every row has its true class: without, there is no accuracy.
    #[must_use]
    pub fn is_labelled(&self) -> bool {
        self.rows.iter().all(|row| row.label.is_some())
    }

    /// Reads a log: JSON lines of records (`.jsonl`), else tab-separated rows as
    /// the field publishes them, with any further columns. Either may be gzipped.
    ///
    /// # Errors
    /// If the file cannot be read, a line is not a row (the message names it), an
    /// index comes twice, or there is no row.
    pub fn read(path: &Path) -> Result<Self, LogError> {
        let fail = |problem: String| LogError { path: path.to_owned(), problem };
        let text = open(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
        let mut name = path.to_owned();
        if is_gzipped(path) {
            name.set_extension("");
        }
        let records = name.extension().is_some_and(|extension| extension == "jsonl");
        let rows = if records { record::rows(text) } else { table::rows(text) };
        let mut rows = rows.map_err(fail)?;
        if rows.is_empty() {
            return Err(fail("has no row: the log is empty".to_owned()));
        }
        let mut lines = HashMap::with_capacity(rows.len());
        for (line, row) in &rows {
            if let Some(earlier) = lines.insert(row.index, line) {
                let index = row.index;
                return Err(fail(format!(
                    "line {line}: index {index} again, as in line {earlier}"
                )));
            }
        }
        rows.sort_by_key(|(_, row)| row.index);
        let name = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, rows: rows.into_iter().map(|(_, row)| row).collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LOG: &str = "idx\tlabel\tpredict\tradius\tcorrect\ttime\n\
                       20\t8\t-1\t0.0\t0\t15.4\n\
                       0\t3\t3\t1.52\t1\t0:00:03.8\n";

    fn read(name: &str, bytes: &[u8]) -> Result<Log, LogError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Log::read(&path)
    }

    fn problem(text: &str) -> String {
        read("a.tsv", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn rows_are_sorted_and_named_by_their_file_gzipped_or_not() {
        let log = read("a.b.tsv", LOG.as_bytes()).unwrap();
        assert_eq!(log.name, "a.b");
        assert_eq!(log.rows.iter().map(|row| row.index).collect::<Vec<_>>(), [0, 20]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(LOG.as_bytes()).unwrap();
        assert_eq!(read("a.b.tsv.gz", &gzip.finish().unwrap()).unwrap(), log);
    }

    #[test]
    fn an_index_that_comes_twice_is_named_with_both_lines() {
        let twice = problem(&format!("{LOG}0\t3\t3\t1.5\t1\t2\n"));
        assert!(twice.contains("line 4: index 0 again, as in line 3"), "{twice}");
    }

    #[test]
    fn a_log_without_rows_is_an_error() {
        let header = LOG.lines().next().unwrap();
        assert!(problem(&format!("{header}\n")).contains("empty"));
        assert!(read("a.jsonl", b"").unwrap_err().to_string().contains("empty"));
        assert!(Log::read(Path::new("nowhere.tsv")).unwrap_err().to_string().contains("nowhere"));
    }
}
