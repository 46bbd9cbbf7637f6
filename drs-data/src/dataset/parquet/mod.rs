//! Parquet files as the Hugging Face hub has them: encoded images and labels.

mod columns;
mod find;
mod shard;

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader as _, SerializedFileReader};

use self::columns::Columns;
use super::{Example, Labels, OpenOptions};
use crate::InputSpec;
use crate::error::DataError;
use crate::guard::guarded;
use crate::image::decode;

/// Encoded images in memory, decoded on demand.
#[derive(Debug)]
pub(super) struct Images {
    spec: InputSpec,
    files: Vec<PathBuf>,
    images: Vec<Encoded>,
    classes: Option<Vec<String>>,
}

#[derive(Debug)]
struct Encoded {
    /// Which file it came from, and its row there.
    file: usize,
    row: usize,
    label: Option<usize>,
    /// Or why the row has none.
    bytes: Result<Vec<u8>, String>,
}

/// `None` if the path is no parquet file and no folder that holds one.
pub(super) fn open(
    path: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Images>, DataError> {
    let Some(files) = find::files(path, options)? else { return Ok(None) };
    let mut images = Images { spec, files: files.clone(), images: Vec::new(), classes: None };
    for (index, file) in files.iter().enumerate() {
        // The parquet crate panics on some damaged files.
        guarded(|| images.read(index, file, &options.labels))
            .map_err(|problem| DataError::new(file, problem))?;
    }
    // One row without an image is one input that cannot be read; none with one is another file.
    if images.images.iter().all(|image| image.bytes.is_err()) && !images.images.is_empty() {
        images.get(0)?;
    }
    Ok(Some(images))
}

impl Images {
    fn read(&mut self, file: usize, path: &Path, labels: &Labels) -> Result<(), String> {
        let opened = File::open(path).map_err(|error| error.to_string())?;
        let reader = SerializedFileReader::new(opened).map_err(|error| error.to_string())?;
        let with_labels = *labels == Labels::Own;
        let columns = Columns::of(reader.metadata().file_metadata(), with_labels)?;
        let rows = reader.into_iter().project(Some(columns.projection()?));
        for (row, record) in rows.map_err(|error| error.to_string())?.enumerate() {
            let named = |problem: String| format!("row {row}: {problem}");
            let record = record.map_err(|error| named(error.to_string()))?;
            let label = columns.label(&record).map_err(named)?;
            self.images.push(Encoded { file, row, label, bytes: columns.image(record) });
        }
        self.classes = self.classes.take().or(columns.classes);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.images.len()
    }

    pub(super) fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    pub(super) fn label(&self, index: usize) -> Option<usize> {
        self.images.get(index).and_then(|image| image.label)
    }

    pub(super) fn get(&self, index: usize) -> Result<Example, DataError> {
        let none =
            || DataError::new(&self.files[0], format!("no input {index}, it holds {}", self.len()));
        let Encoded { file, row, label, bytes } = self.images.get(index).ok_or_else(none)?;
        let image = bytes.as_ref().map_err(String::clone);
        let image = image.and_then(|bytes| decode(bytes, None, self.spec)).map_err(|problem| {
            DataError::new(&self.files[*file], format!("row {row}: {problem}"))
        })?;
        Ok(Example::of(index, *label, image, index.to_string()))
    }
}
