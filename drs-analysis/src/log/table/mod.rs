//! Tables of rows, ours and as the field publishes them.

mod columns;
mod correct;
mod layout;
mod value;

use super::Row;
use columns::Columns;
use layout::{Line, Separator};

/// What a table holds.
#[derive(Debug)]
pub(super) struct Table {
    /// Rows with their lines.
    pub(super) rows: Vec<(u64, Row)>,
    /// Whether `drs certify` wrote it.
    pub(super) is_ours: bool,
    /// What the reader should know.
    pub(super) notes: Vec<String>,
    /// Lines of headers after the first.
    pub(super) headers: Vec<u64>,
}

/// Reads a table.
///
/// The header has at least `idx`, `label` (−1 is unknown), `predict` (−1 abstains) and
/// `radius`, in any order. `correct`, `time`, `expert`, `sigma`, `route_radius`, `class_radius`
/// and `draws` are read where they are there, other columns ignored; `time` is what the input
/// took, and is not read of our own tables without `latency`, whose time is how long it waited. Columns are separated
/// by tabs, commas, semicolons or blanks. A header may be repeated where runs were
/// appended; where it is missing, six columns are taken in the field's order.
pub(super) fn read(text: &str) -> Result<Table, String> {
    let separator = Separator::of(text);
    let lines = layout::lines(text, separator)?;
    let Some(first) = lines.first() else {
        return Ok(Table { rows: vec![], is_ours: false, notes: vec![], headers: vec![] });
    };
    let mut notes = Vec::new();
    let has_header = layout::is_header(&first.fields);
    let mut columns = if has_header {
        Columns::find(&first.fields)
            .map_err(|problem| format!("line {}: {problem}", first.number))?
    } else {
        let columns = Columns::usual(&lines).ok_or_else(|| layout::no_header(&lines))?;
        notes.push(format!(
            "there is no header: the columns are taken as {}",
            layout::USUAL.join(", ")
        ));
        columns
    };
    let (mut rows, mut claims, mut headers) = (Vec::new(), Vec::new(), Vec::new());
    for (place, line) in lines.iter().enumerate().skip(usize::from(has_header)) {
        let at = |problem: String| format!("line {}: {problem}", line.number);
        if layout::is_header(&line.fields) {
            columns = Columns::find(&line.fields).map_err(at)?;
            headers.push(line.number);
            continue;
        }
        if columns.is_summary(&line.fields) {
            notes.push(left_out(line, &lines[place + 1..], &columns).map_err(at)?);
            break;
        }
        let (row, claim) = columns.row(&line.fields).map_err(at)?;
        rows.push((line.number, row));
        claims.push(claim);
    }
    if let Some(line) = headers.first() {
        notes.push(format!(
            "line {line} is a second header: the runs before and after it are taken together"
        ));
    }
    notes.extend(correct::check(&rows, &claims, has_header)?);
    let negative = rows.iter().filter(|(_, row)| row.correct() && row.radius < 0.0).count();
    if negative > 0 {
        notes.push(format!(
            "{negative} right answers have a negative radius: they are certified at no r"
        ));
    }
    Ok(Table { rows, is_ours: columns.is_ours(), notes, headers })
}

/// What is said of lines at the end that are no rows.
fn left_out(line: &Line, rest: &[Line], columns: &Columns) -> Result<String, String> {
    let shown = line.fields.join(" ");
    let is_row =
        |line: &&Line| layout::is_header(&line.fields) || !columns.is_summary(&line.fields);
    match rest.iter().find(is_row) {
        None => Ok(format!(
            "line {}{} not a row and left out: \"{shown}\"",
            line.number,
            rest.last().map_or_else(|| " is".to_owned(), |last| format!(" to {} are", last.number))
        )),
        Some(row) => Err(format!(
            "\"{shown}\" is not a row, and rows follow in line {}: remove what is not a row",
            row.number
        )),
    }
}

#[cfg(test)]
mod tests;
