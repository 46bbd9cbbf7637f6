//! Row groups: what is read at once.

use std::fs::File;
use std::path::Path;

use drs_memory::Claim;
use parquet::file::reader::FileReader as _;
use parquet::record::reader::RowIter;

use super::columns::Columns;
use super::{footer, pages};

/// The encoded images of a group, or why a row has none.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) images: Vec<Result<Vec<u8>, String>>,
    /// What they hold of the budget of memory.
    _memory: Claim,
}

/// What a row takes beside its image.
const ROW: u64 = 32;

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
        let (reader, _memory) = footer::open(path)?;
        let columns = Columns::of(reader.metadata().file_metadata(), false)?;
        let group = reader.get_row_group(self.number).map_err(failed)?;
        let file = File::open(path).map_err(|error| error.to_string())?;
        // Page by page; then image by image, since one image may stand for many rows.
        let pages = pages::check(&file, &*group, columns.image_name())?;
        let rows = RowIter::from_row_group(Some(columns.image_alone()?), &*group);
        let (mut images, mut memory) = (Vec::new(), Claim::default());
        for row in rows.map_err(failed)?.take(self.rows) {
            let row = row.map_err(failed)?;
            let image = columns.image(&row);
            // Before it is copied.
            let length = image.as_ref().map_or(0, |image| image.len()) as u64;
            memory.grow(length + ROW).map_err(|error| error.to_string())?;
            images.push(image.map(<[u8]>::to_vec));
        }
        drop(pages);
        Ok(Encoded { images, _memory: memory })
    }
}
