//! The labels of a file, all at once.

use std::fs::File;

use parquet::file::reader::FileReader;
use parquet::record::reader::RowIter;

use super::columns::Columns;
use super::pages;

/// The classes of all rows.
pub(super) fn read(
    reader: &dyn FileReader,
    file: &File,
    columns: &Columns,
) -> Result<Vec<usize>, String> {
    let mut labels = Vec::new();
    for number in 0..reader.num_row_groups() {
        let group = reader.get_row_group(number).map_err(|error| error.to_string())?;
        let _pages = pages::check(file, &*group, columns.label_name()?)?;
        let rows = RowIter::from_row_group(Some(columns.label_alone()?), &*group);
        for record in rows.map_err(|error| error.to_string())? {
            let row = labels.len();
            let label = record.map_err(|error| error.to_string());
            let label = label.and_then(|record| columns.label(&record));
            labels.push(label.map_err(|problem| format!("row {row}: {problem}"))?);
        }
    }
    Ok(labels)
}
