//! Certification logs as the field publishes them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::DataError;

/// One input of a published certification log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// Index of the input in its data set.
    pub index: usize,
    /// True class.
    pub label: usize,
    /// Certified class; `None` abstained.
    pub predict: Option<usize>,
    /// Certified L2 radius as printed, often with three digits; 0 where abstained.
    pub radius: f64,
    /// Whether the certified class is the true one.
    pub correct: bool,
}

/// Reads a log: tab-separated, gzipped or not, with a header that has at least
/// `idx`, `label`, `predict` (−1 abstains), `radius` and `correct` in any order.
///
/// # Errors
/// If the file cannot be read, a column is missing, or a row has a field that is
/// not a number; the message gives the line.
pub fn read_log(path: &Path) -> Result<Vec<LogRow>, DataError> {
    let fail = |problem: String| DataError::new(path, problem);
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    let text: Box<dyn Read> =
        if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(text);
    let header = reader.headers().map_err(|error| fail(error.to_string()))?.clone();
    let column = |name: &str| {
        let found = || header.iter().collect::<Vec<_>>().join(", ");
        let missing = || fail(format!("no column `{name}`, found {}", found()));
        header.iter().position(|column| column == name).ok_or_else(missing)
    };
    let columns = [
        column("idx")?,
        column("label")?,
        column("predict")?,
        column("radius")?,
        column("correct")?,
    ];
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| fail(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |place: usize| {
            let (name, text) = (&header[columns[place]], &record[columns[place]]);
            text.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(|| {
                fail(format!("line {line}: `{name}` is \"{text}\", expected a number"))
            })
        };
        let whole = |place: usize| {
            let value = field(place)?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            let whole = value as usize;
            (whole as f64 == value).then_some(whole).ok_or_else(|| {
                let name = &header[columns[place]];
                fail(format!("line {line}: `{name}` is {value}, expected a whole number from 0"))
            })
        };
        rows.push(LogRow {
            index: whole(0)?,
            label: whole(1)?,
            predict: if field(2)? == -1.0 { None } else { Some(whole(2)?) },
            radius: field(3)?.max(0.0),
            correct: whole(4)? == 1,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LOG: &str = "idx\tlabel\tpredict\tradius\tcorrect\ttime\n\
                       0\t3\t3\t1.52\t1\t0:00:03.8\n\
                       20\t8\t-1\t0.0\t0\t15.4\n";

    fn read(name: &str, bytes: &[u8]) -> Result<Vec<LogRow>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_log(&path)
    }

    #[test]
    fn both_time_formats_and_abstentions_are_read_gzipped_or_not() {
        let rows = read("a.tsv", LOG.as_bytes()).unwrap();
        let first = LogRow { index: 0, label: 3, predict: Some(3), radius: 1.52, correct: true };
        assert_eq!(rows[0], first);
        assert_eq!((rows[1].index, rows[1].predict, rows[1].correct), (20, None, false));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(LOG.as_bytes()).unwrap();
        assert_eq!(read("a.tsv.gz", &gzip.finish().unwrap()).unwrap(), rows);
    }

    #[test]
    fn problems_are_named_by_line_and_column() {
        let problem = |text: &str| read("a.tsv", text.as_bytes()).unwrap_err().to_string();
        assert!(problem("idx\tlabel\n1\t2\n").contains("`predict`"));
        let bad = LOG.replace("1.52", "wide");
        assert!(problem(&bad).contains("line 2: `radius` is \"wide\""), "{}", problem(&bad));
        assert!(problem(&LOG.replace("20\t", "2.5\t")).contains("line 3: `idx`"));
        assert!(problem(&LOG.replace("\t15.4", "")).contains("line: 3"));
    }
}
