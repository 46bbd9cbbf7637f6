//! A certification log: one row for each input.

mod file;
mod name;
mod record;
mod table;
mod time;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use drs_core::certificate::Binds;
use drs_core::pool::Phase;

use crate::decided::Decided;

pub use file::open;
pub use name::{SameName, beside, marked, names};
pub use record::Record;

/// A file that is no certification log; the message says what was found and expected.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct LogError {
    pub(crate) path: PathBuf,
    pub(crate) problem: String,
}

/// Refuses results of which a run found out that none holds.
///
/// # Errors
/// If the file that says so lies beside them.
pub fn check_steady(path: &Path) -> Result<(), LogError> {
    match std::fs::read_to_string(beside(path, "unsteady")) {
        Ok(why) => {
            let problem = format!("no result in it holds: {}", why.trim());
            Err(LogError { path: path.to_owned(), problem })
        }
        Err(_) => Ok(()),
    }
}

/// One run of certification.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// The file's name without its extensions (.tsv, .txt, .csv, .jsonl, .gz).
    pub name: String,
    /// At least one, by rising index, each index once.
    pub rows: Vec<Row>,
    /// How far the run was drawn. Logs of others are taken as published: exact.
    pub decided: Decided,
    /// What the reader should know: lines left out, columns taken otherwise than they say.
    pub notes: Vec<String>,
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
    /// Certified L2 radius as printed; 0 where abstained. Some procedures print negative
    /// ones: these certify nothing.
    pub radius: f64,
    /// Seconds of the machine that it took, if the log has them.
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
    /// rule, radius ≥ r.
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

impl Log {
    /// Whether every row has its true class: without, there is no accuracy.
    #[must_use]
    pub fn is_labelled(&self) -> bool {
        self.rows.iter().all(|row| row.label.is_some())
    }

    /// Whether nothing in it says that a router, or several experts, had a part.
    #[must_use]
    pub fn is_of_one_expert(&self) -> bool {
        let mut routing = self.rows.iter().filter_map(|row| row.routing.as_ref());
        let first = self.rows.iter().find_map(|row| row.routing.as_ref()?.expert.as_ref());
        routing.all(|own| {
            own.binds.is_none() && (own.expert.is_none() || own.expert.as_ref() == first)
        })
    }

    /// The largest radius with which a row of this log may turn out right with all draws;
    /// `None` if it cannot.
    #[must_use]
    pub fn most(&self, row: &Row) -> Option<f64> {
        match row.predict {
            Some(_) => row.correct().then(|| self.decided.most(Some(row.radius))).flatten(),
            None => row.label.and_then(|_| self.decided.most(None)),
        }
    }

    /// Whether more draws could certify a row of this log at a distance where it is not.
    #[must_use]
    pub fn is_open(&self, row: &Row, radius: f64) -> bool {
        !row.certified(radius) && self.most(row).is_some_and(|most| most >= radius)
    }

    /// Reads a log: JSON lines of records (`.jsonl`), else a table as the field publishes
    /// them, with any further columns. Either may be gzipped.
    ///
    /// # Errors
    /// If the file cannot be read, a line is not a row (the message names it), an
    /// index comes twice, or there is no row.
    pub fn read(path: &Path) -> Result<Self, LogError> {
        let fail = |problem: String| LogError { path: path.to_owned(), problem };
        let cannot = |error: std::io::Error| fail(format!("cannot be read: {error}"));
        let mut text = file::buffered(path).map_err(cannot)?;
        let is_record =
            name::is_jsonl(path) || file::begins_with_brace(&mut text).map_err(cannot)?;
        let (mut rows, decided, notes, headers) = if is_record {
            let (rows, decided) = record::rows(text).map_err(fail)?;
            (rows, decided, Vec::new(), Vec::new())
        } else {
            let text = file::text(text).map_err(fail)?;
            let table::Table { rows, is_ours, notes, headers } =
                table::read(&text).map_err(fail)?;
            let decided = if is_ours { file::decided_beside(path)? } else { Decided::Everywhere };
            (rows, decided, notes, headers)
        };
        if rows.is_empty() {
            return Err(fail("has no row: the log is empty".to_owned()));
        }
        let mut lines = HashMap::with_capacity(rows.len());
        for (line, row) in &rows {
            if let Some(earlier) = lines.insert(row.index, line) {
                return Err(fail(twice(row.index, *earlier, *line, &headers)));
            }
        }
        rows.sort_by_key(|(_, row)| row.index);
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        Ok(Self { name: name::stem(path), rows, decided, notes })
    }

    /// A log for tests.
    #[cfg(test)]
    pub(crate) fn exact(name: &str, rows: Vec<Row>) -> Self {
        Self { name: name.to_owned(), rows, decided: Decided::Everywhere, notes: Vec::new() }
    }
}

/// Says that an index came twice, and why that may be.
fn twice(index: usize, earlier: u64, line: u64, headers: &[u64]) -> String {
    let between = headers.iter().find(|header| (earlier..line).contains(header));
    let cause = between.map_or_else(String::new, |header| {
        format!(": line {header} is a second header, so there are two runs in this file; make it a file for each")
    });
    format!("line {line}: index {index} again, as in line {earlier}{cause}")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use drs_core::protocol::Protocol;

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
    fn how_far_a_run_of_ours_was_drawn_is_told_beside_its_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let table = "idx\tlabel\tpredict\tradius\tcorrect\ttime\texpert\tsigma\troute_radius\tclass_radius\tdraws\n\
                     0\t8\t8\t0.341777\t1\t2.386\ts100\t1\t1.203514\t0.341777\t1997\n";
        std::fs::write(path("a_0.5.tsv"), table).unwrap();
        let read = || Log::read(&path("a_0.5.tsv"));
        assert_eq!(read().unwrap().decided, Decided::Unknown);
        let run = |sampling: &str| {
            let protocol = serde_json::to_string(&Protocol::default()).unwrap();
            let protocol = protocol.replace("\"fixed\"", sampling);
            let text = format!("{{\"protocol\":{protocol},\"models\":[{{\"sigma\":0.5}}]}}");
            std::fs::write(path("a_0.5.run.json"), text)
        };
        run(r#"{"sequential":{"stopping":{"radii":[0.0,0.5]}}}"#).unwrap();
        let decided = read().unwrap().decided;
        assert_eq!(decided.radii(), [0.0, 0.5]);
        let most = decided.most(Some(1.0)).unwrap();
        assert!((1.59..1.6).contains(&most), "as far as 10,000 draws at 0.5 reach: {most}");
        run("\"fixed\"").unwrap();
        assert_eq!(read().unwrap().decided, Decided::Everywhere);
        run("\"sometimes\"").unwrap();
        let problem = read().unwrap_err().to_string();
        assert!(problem.contains("a_0.5.run.json") && problem.contains("sometimes"), "{problem}");
        // A log of others has no such file, and is what was published.
        std::fs::write(path("b.tsv"), LOG).unwrap();
        assert_eq!(Log::read(&path("b.tsv")).unwrap().decided, Decided::Everywhere);
    }

    #[test]
    fn two_runs_of_the_same_inputs_are_not_one_log() {
        let (header, rows) = LOG.split_once('\n').unwrap();
        let other = rows.replace("20\t", "40\t").replace("0\t3", "60\t3");
        assert_eq!(
            read("a.tsv", format!("{LOG}{header}\n{other}").as_bytes()).unwrap().rows.len(),
            4
        );
        let twice = problem(&format!("{LOG}{LOG}"));
        assert!(
            twice.contains("line 5: index 20 again, as in line 2: line 4 is a second header"),
            "{twice}"
        );
    }

    #[test]
    fn records_are_known_by_their_text_and_tables_by_theirs() {
        let found = read("records", b"\n {\"idx\": 0}\n").unwrap_err().to_string();
        assert!(found.contains("missing field"), "{found}");
        let utf16: Vec<u8> = LOG.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found = read("a.tsv", &[&[0xff, 0xfe], &utf16[..]].concat()).unwrap_err().to_string();
        assert!(found.contains("UTF-16") && found.contains("UTF-8"), "{found}");
        let mut latin = LOG.as_bytes().to_vec();
        latin.extend(b"\xe9");
        let found = read("a.tsv", &latin).unwrap_err().to_string();
        assert!(found.contains("line 4"), "{found}");
        let marked = [b"\xef\xbb\xbf", LOG.replace('\n', "\r\n").as_bytes()].concat();
        assert_eq!(read("a.tsv", &marked).unwrap().rows.len(), 2);
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
