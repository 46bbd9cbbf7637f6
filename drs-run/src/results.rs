//! The results of a run so far: its records, each with the row that the table has or should have.

use std::collections::BTreeSet;

use drs_analysis::{Header, Record};

use crate::error::{RunError, refuse};
use crate::lines::whole_lines;
use crate::paths::Paths;
use crate::table::{heading, row};

/// One input in both files, as they have it.
pub(crate) struct Line {
    pub(crate) row: String,
    pub(crate) text: String,
}

/// Hands the results of a run to `take`, one after the other: the record, its line, and its row.
/// Tells how many of them the table has. Only one is in memory at a time.
pub(crate) fn results(
    paths: &Paths,
    header: &Header,
    mut take: impl FnMut(&Record<'_>, &str, String),
) -> Result<usize, RunError> {
    let mut rows = whole_lines(&paths.table)?;
    if let Some(first) = rows.next().transpose()?
        && first != heading()
    {
        refuse!("{}: line 1 is not the heading of results", paths.table.display());
    }
    let mut matched = 0;
    let mut planned: BTreeSet<usize> = header.indices().into_iter().collect();
    for (line, text) in (1..).zip(whole_lines(&paths.records)?) {
        let text = text?;
        let record: Record<'_> = serde_json::from_str(&text).map_err(|error| {
            RunError::from(error).within(format!("{}: line {line}", paths.records.display()))
        })?;
        let row = row(&record);
        if let Some(found) = rows.next().transpose()? {
            if found != row {
                refuse!(
                    "{}: line {} is not what line {line} of {} says: one of them was changed",
                    paths.table.display(),
                    line + 1,
                    paths.records.display()
                );
            }
            matched = line;
        }
        if !planned.remove(&record.idx) {
            refuse!(
                "{}: line {line}: input {} is there twice, or is none of this run's",
                paths.records.display(),
                record.idx
            );
        }
        if !header.made(&record.certificate) {
            refuse!(
                "{}: line {line} is of another run than {} tells",
                paths.records.display(),
                paths.run.display()
            );
        }
        take(&record, &text, row);
    }
    Ok(matched)
}
