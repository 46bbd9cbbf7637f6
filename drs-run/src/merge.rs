//! The shards of a run, put together.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use drs_analysis::Header;
use drs_data::Shard;

use crate::error::{RunError, refuse, wrong_usage};
use crate::failed::Failed;
use crate::files::ResultFiles;
use crate::paths::Paths;
use crate::results::{Line, results};
use crate::whole;

/// What came of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The table of all.
    pub table: PathBuf,
    /// Inputs with a result.
    pub inputs: usize,
    /// How many shards there were.
    pub shards: usize,
    /// What became of the other inputs, in words, if there are any.
    pub failed: Option<String>,
}

/// A shard, checked.
struct Part {
    table: PathBuf,
    paths: Paths,
    shard: Shard,
    header: Header,
    /// By input.
    lines: HashMap<usize, Line>,
    /// The inputs that have no result, as the shard's run listed them.
    failed: Failed,
}

/// Puts the shards with these tables together: all shards of one run, each finished. Writes all files
/// or none.
///
/// # Errors
/// If shards are missing, are not finished or are of different runs, if `out` exists and is not to be
/// overwritten, or if a file cannot be read or written.
pub fn merge(shards: &[PathBuf], out: &Path, overwrite: bool) -> Result<Merged, RunError> {
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    for table in shards {
        let part = Part::read(table)?;
        if let Some(other) = parts.values().next() {
            part.check_fits(other)?;
        }
        if let Some(twice) = parts.get(&part.shard.index()) {
            refuse!(
                "{} and {} are both shard {}: give each once",
                twice.table.display(),
                part.table.display(),
                part.shard
            );
        }
        parts.insert(part.shard.index(), part);
    }
    let Some(first) = parts.values().next() else { wrong_usage!("no shard was given") };
    let of = first.shard.of();
    let missing: Vec<String> = (0..of)
        .filter(|index| !parts.contains_key(index))
        .filter_map(|index| Some(Shard::new(index, of)?.to_string()))
        .collect();
    if !missing.is_empty() {
        refuse!(
            "missing of {of} shards: {}: run them, or name their files too",
            missing.join(", ")
        );
    }
    let paths = Paths::new(out, None)?;
    let table = paths.table_name();
    let mut header = Header { shard: None, table, ..first.header.clone() };
    parts.values().for_each(|part| header.data.complete(&part.header.data));
    // Under whatever extension: a shard's records are found by the rest of its name.
    let read: Vec<PathBuf> = parts.values().flat_map(|part| part.paths.all()).collect();
    for path in paths.all() {
        whole::check_apart(&path, read.iter().map(PathBuf::as_path))?;
    }
    let indices = header.indices();
    let mut lines = Vec::with_capacity(indices.len());
    for (place, index) in indices.iter().enumerate() {
        let Some(part) = parts.get(&(place % of)) else { refuse!("input {index} is missing") };
        lines.extend(part.lines.get(index));
    }
    let mut failed = Failed::default();
    parts.values().for_each(|part| failed.extend(&part.failed));
    ResultFiles::write_whole(&paths, &header, &lines, &failed, overwrite)?;
    let failed = failed.summary(indices.len(), &paths.failed);
    Ok(Merged { table: paths.table, inputs: lines.len(), shards: of, failed })
}

impl Part {
    fn read(table: &Path) -> Result<Self, RunError> {
        let paths = Paths::new(table, None)?;
        paths.check_usable()?;
        let Some(header) = Header::read(&paths.run)? else {
            refuse!("{}: there is no {} beside it", table.display(), paths.run.display())
        };
        if !paths.records.exists() {
            refuse!(
                "{}: there is no {} beside it, which has the certificates: bring it back, or run the shard anew with --overwrite",
                table.display(),
                paths.records.display()
            );
        }
        let Some(shard) = header.shard else {
            refuse!("{} is no shard but a whole run", table.display())
        };
        let mut done: HashMap<usize, Line> = HashMap::new();
        results(&paths, &header, |record, text, row| {
            done.insert(record.idx, Line { row, text: text.to_owned() });
        })?;
        let mut missing = header.indices();
        missing.retain(|index| !done.contains_key(index));
        let mut failed = Failed::read(&paths.failed)?;
        failed.retain(|index| missing.binary_search(&index).is_ok());
        missing.retain(|index| !failed.has(*index));
        let left: Vec<String> = missing.iter().map(ToString::to_string).collect();
        if !left.is_empty() {
            let some = left.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            refuse!(
                "{}: shard {shard} is not finished: {} inputs are missing ({some}{}); start it again to go on",
                table.display(),
                left.len(),
                if left.len() > 5 { ", …" } else { "" }
            );
        }
        Ok(Self { table: table.to_owned(), paths, shard, header, lines: done, failed })
    }

    /// Refuses shards of different runs.
    fn check_fits(&self, other: &Self) -> Result<(), RunError> {
        let of =
            |part: &Self| Header { shard: Shard::new(0, part.shard.of()), ..part.header.clone() };
        let differences = of(self).differences(&of(other));
        // The digest of a configuration follows from the files that it names; they tell more.
        let telling = differences.iter().find(|(field, ..)| !field.ends_with(".config_sha256"));
        let Some((field, own, others)) = telling.or(differences.first()) else { return Ok(()) };
        refuse!(
            "{} and {} are of different runs: {field} is {own} in the first, {others} in the second{}",
            self.table.display(),
            other.table.display(),
            match differences.len() {
                _ if field == "seed" => "; give all shards the same --seed".to_owned(),
                1 => String::new(),
                count => format!(" ({} more fields differ)", count - 1),
            }
        )
    }
}
