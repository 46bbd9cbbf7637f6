//! How a table is laid out: separators, headers, lines.

use csv::ReaderBuilder;

/// The order of columns that the field's scripts print.
pub(super) const USUAL: [&str; 6] = ["idx", "label", "predict", "radius", "correct", "time"];

/// Without these there is no log.
pub(super) const NEEDED: [&str; 4] = ["idx", "label", "predict", "radius"];

/// A line that is not blank and not a comment.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) fields: Vec<String>,
}

/// What stands between columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Byte(u8),
    Blanks,
}

impl Separator {
    /// As in the header, or in the first line that is neither blank nor a comment.
    pub(super) fn of(text: &str) -> Self {
        let lines = || text.lines().map(|line| line.trim_matches(' '));
        let words = |line: &str| -> Vec<String> {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.map(str::to_owned).collect()
        };
        let named = lines().find(|line| !line.starts_with('#') && is_header(&words(line)));
        let header = named.or_else(|| lines().find(|line| has_all(&words(line))));
        let first = || lines().find(|line| !line.is_empty() && !line.starts_with('#'));
        let line = header.or_else(first).unwrap_or_default();
        let separators = [b'\t', b';', b','];
        let found = separators.into_iter().find(|byte| line.as_bytes().contains(byte));
        found.map_or(Self::Blanks, Self::Byte)
    }

    /// The fields of a line.
    fn split(self, line: &str) -> Result<Vec<String>, String> {
        let own = |fields: &mut dyn Iterator<Item = &str>| {
            fields.map(|field| field.trim().to_owned()).collect()
        };
        match self {
            Self::Blanks => Ok(own(&mut line.split_whitespace())),
            Self::Byte(byte) if !line.contains('"') => Ok(own(&mut line.split(char::from(byte)))),
            // Line by line: a quote that does not end must not swallow the lines after it.
            Self::Byte(byte) => {
                let mut reader = ReaderBuilder::new();
                let reader = reader.delimiter(byte).has_headers(false);
                let record = reader.from_reader(line.as_bytes()).into_records().next();
                let record = record.transpose().map_err(|error| error.to_string())?;
                Ok(record.map_or_else(Vec::new, |record| own(&mut record.iter())))
            }
        }
    }
}

/// The lines of a table. A comment counts only if it is the header, as NumPy writes it.
pub(super) fn lines(text: &str, separator: Separator) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> = Vec::new();
    // Behind a comment that has all names; a header has as many as the row that follows.
    let mut maybe: Option<Line> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let comment = line.trim_start().strip_prefix('#');
        let line = comment.unwrap_or(line);
        let fields =
            separator.split(line).map_err(|problem| format!("line {number}: {problem}"))?;
        let is_blank = fields.iter().all(String::is_empty);
        if is_blank {
            continue;
        }
        if comment.is_some() {
            maybe = has_all(&fields).then_some(Line { number, fields }).or(maybe);
            continue;
        }
        lines.extend(maybe.take().filter(|header| header.fields.len() == fields.len()));
        lines.push(Line { number, fields });
    }
    Ok(lines)
}

/// The name of a column as we call it.
pub(super) fn canonical(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.as_str() {
        "index" => "idx".to_owned(),
        "pred" | "prediction" => "predict".to_owned(),
        _ => name,
    }
}

/// Whether a line names columns: a log's own, or most of them.
pub(super) fn is_header(fields: &[String]) -> bool {
    let names: Vec<String> = fields.iter().map(|field| canonical(field)).collect();
    let known = |name: &&&str| names.iter().any(|found| found == **name);
    NEEDED.iter().filter(known).count() > 1
}

/// Whether a comment may name columns: sentences have some of the names too.
fn has_all(fields: &[String]) -> bool {
    let names: Vec<String> = fields.iter().map(|field| canonical(field)).collect();
    NEEDED.iter().all(|name| names.iter().any(|found| found == name))
}

/// What is said of a table without a header.
pub(super) fn no_header(lines: &[Line]) -> String {
    let expected = "expected a log with idx, label, predict, radius and correct";
    let Some(first) = lines.first() else { return expected.to_owned() };
    if let Some(header) = lines.iter().find(|line| is_header(&line.fields)) {
        let (line, number) = (header.number, first.number);
        return format!(
            "the header is in line {line}: remove what is before it (line {number} on)"
        );
    }
    format!(
        "line {}: no header, found {}; {expected}: put a line with the names of the columns on top, as in `{}` (separated as the rows are)",
        first.number,
        first.fields.join(", "),
        USUAL.join(" ")
    )
}
