//! Row groups: what is read at once.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::reader::RowIter;

use super::columns::Columns;

/// The encoded images of a group, or why a row has none.
pub(super) type Encoded = Vec<Result<Vec<u8>, String>>;

/// Some rows of a file.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) file: usize,
    /// Its place in the file.
    pub(super) number: usize,
    /// The index of its first row in the data set.
    pub(super) first: usize,
    pub(super) rows: usize,
}

impl Group {
    /// Reads its images.
    pub(super) fn read(&self, path: &Path) -> Result<Encoded, String> {
        let failed = |error: parquet::errors::ParquetError| error.to_string();
        let file = File::open(path).map_err(|error| error.to_string())?;
        let reader = SerializedFileReader::new(file).map_err(failed)?;
        let columns = Columns::of(reader.metadata().file_metadata(), false)?;
        let group = reader.get_row_group(self.number).map_err(failed)?;
        let rows = RowIter::from_row_group(Some(columns.image_alone()?), &*group);
        let image = |row: Result<_, _>| columns.image(&row.map_err(failed)?);
        Ok(rows.map_err(failed)?.take(self.rows).map(image).collect())
    }
}
