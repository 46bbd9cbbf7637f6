//! What there is of a run: its records, each with the row that the table has or should have.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use drs_analysis::{Header, Record};

use super::lines::whole_lines;
use super::paths::Paths;
use super::table::{heading, row};

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
) -> anyhow::Result<usize> {
    let mut rows = whole_lines(&paths.table)?;
    if let Some(first) = rows.next().transpose()?
        && first != heading()
    {
        bail!("{}: line 1 is not the heading of results", paths.table.display());
    }
    let mut matched = 0;
    let mut planned: BTreeSet<usize> = header.indices().into_iter().collect();
    for (line, text) in (1..).zip(whole_lines(&paths.records)?) {
        let text = text?;
        let record: Record<'_> = serde_json::from_str(&text)
            .with_context(|| format!("{}: line {line}", paths.records.display()))?;
        let row = row(&record);
        if let Some(found) = rows.next().transpose()? {
            if found != row {
                bail!(
                    "{}: line {} is not what line {line} of {} says: one of them was changed",
                    paths.table.display(),
                    line + 1,
                    paths.records.display()
                );
            }
            matched = line;
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
        take(&record, &text, row);
    }
    Ok(matched)
}
