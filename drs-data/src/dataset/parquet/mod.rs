//! Parquet files as the Hugging Face hub has them: encoded images and labels.

mod columns;
mod find;
mod footer;
mod group;
mod kind;
mod labels;
mod pages;
mod shard;
mod thrift;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader as _;

use self::columns::Columns;
use self::group::{Encoded, Group};
use super::classes::some;
use super::{Example, Labels, OpenOptions};
use crate::InputSpec;
use crate::error::DataError;
use crate::guard::guarded;
use crate::image::decode;

/// Row groups whose images are held: inputs are read in their order, several at once.
const HELD: usize = 3;

/// Labels in memory; encoded images are read by row group where one is asked for.
#[derive(Debug)]
pub(super) struct Images {
    spec: InputSpec,
    files: Vec<PathBuf>,
    /// In the order of the inputs.
    groups: Vec<Group>,
    labels: Option<Vec<usize>>,
    classes: Option<Vec<String>>,
    /// The last groups that were read, by their place in `groups`.
    held: Mutex<Vec<(usize, Arc<Encoded>)>>,
}

/// `None` if the path is no parquet file and no folder that holds one.
pub(super) fn open(
    path: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Images>, DataError> {
    let Some(files) = find::files(path, options)? else { return Ok(None) };
    let labels = (options.labels == Labels::Own).then(Vec::new);
    let (groups, held) = (Vec::new(), Mutex::new(Vec::new()));
    let mut images = Images { spec, files: files.clone(), groups, labels, classes: None, held };
    for (index, file) in files.iter().enumerate() {
        // The parquet crate panics on some damaged files.
        guarded(|| images.add(index, file)).map_err(|problem| DataError::new(file, problem))?;
    }
    // One row without an image is one input that cannot be read; none with one is another file.
    if let Some(first) = images.groups.iter().position(|group| group.rows > 0)
        && images.encoded(first).is_ok_and(|encoded| encoded.images.iter().all(Result::is_err))
    {
        images.get(images.groups[first].first)?;
    }
    Ok(Some(images))
}

impl Images {
    /// Labels and places of a file's images.
    fn add(&mut self, file: usize, path: &Path) -> Result<(), String> {
        let opened = File::open(path).map_err(|error| error.to_string())?;
        let bytes = opened.metadata().map_err(|error| error.to_string())?.len();
        let (reader, _memory) = footer::open(path)?;
        let columns = Columns::of(reader.metadata().file_metadata(), self.labels.is_some())?;
        let before = self.len();
        for number in 0..reader.num_row_groups() {
            let rows = rows(reader.metadata(), number, bytes - (self.len() - before) as u64)?;
            self.groups.push(Group { file, number, first: self.len(), rows });
        }
        check_apart(reader.metadata(), columns.image_name(), bytes)?;
        if let Some(labels) = &mut self.labels {
            check_apart(reader.metadata(), columns.label_name()?, bytes)?;
            let own = labels::read(&reader, &opened, &columns)?;
            let expected = self.groups.last().map_or(0, |last| last.first + last.rows) - before;
            if own.len() != expected {
                return Err(format!("{} labels for {expected} rows", own.len()));
            }
            labels.extend(own);
        }
        if self.labels.is_some()
            && let (Some(found), Some(first)) = (&columns.classes, &self.classes)
            && found != first
        {
            return Err(format!(
                "its class names are {}, those of the files before it are {}: their labels do not mean the same classes, so name one file",
                some(found),
                some(first)
            ));
        }
        self.classes = self.classes.take().or(columns.classes);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.groups.last().map_or(0, |last| last.first + last.rows)
    }

    pub(super) fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    pub(super) fn label(&self, index: usize) -> Option<usize> {
        self.labels.as_ref()?.get(index).copied()
    }

    pub(super) fn get(&self, index: usize) -> Result<Example, DataError> {
        let place = self.groups.partition_point(|group| group.first + group.rows <= index);
        let Some(group) = self.groups.get(place) else {
            let problem = format!("no input {index}, it holds {}", self.len());
            return Err(DataError::new(&self.files[0], problem));
        };
        let row = index - group.first;
        let image = self.encoded(place).and_then(|encoded| {
            let bytes =
                encoded.images.get(row).ok_or("the row group is shorter than the file says")?;
            decode(bytes.as_ref().map_err(String::clone)?, None, self.spec)
        });
        let image = image.map_err(|problem| {
            let of_file = self.groups.iter().find(|other| other.file == group.file);
            let row = index - of_file.map_or(0, |other| other.first);
            DataError::new(&self.files[group.file], format!("row {row}: {problem}"))
        })?;
        Ok(Example::of(index, self.label(index), image, index.to_string()))
    }

    /// The encoded images of a group. One thread reads, the others wait for what it reads.
    fn encoded(&self, place: usize) -> Result<Arc<Encoded>, String> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, encoded)) = held.iter().find(|(other, _)| *other == place) {
            return Ok(Arc::clone(encoded));
        }
        let group = &self.groups[place];
        let encoded = Arc::new(guarded(|| group.read(&self.files[group.file]))?);
        if held.len() >= HELD {
            held.remove(0);
        }
        held.push((place, Arc::clone(&encoded)));
        Ok(encoded)
    }
}

/// The columns of different groups share no bytes: one that stands for many would be read as often.
fn check_apart(file: &ParquetMetaData, name: &str, bytes: u64) -> Result<(), String> {
    let columns = file.row_groups().iter().flat_map(|group| pages::columns(group, name));
    let sizes = columns.map(|(_, column)| column.byte_range().1);
    let all = sizes.fold(0, u64::saturating_add);
    if all > bytes {
        return Err(format!("is damaged: it promises {all} bytes of {name} in {bytes} bytes"));
    }
    Ok(())
}

/// The rows of a group, which the file's end tells. `bytes` are the file's, less those of the rows
/// before it.
fn rows(file: &ParquetMetaData, number: usize, bytes: u64) -> Result<usize, String> {
    let rows = file.row_group(number).num_rows();
    // An image is at least a byte: a file that lies is found before anything is allocated.
    match usize::try_from(rows) {
        Ok(count) if count as u64 <= bytes => Ok(count),
        _ => Err(format!(
            "it promises {rows} rows in {bytes} bytes: it is damaged, or one image stands for many rows, which is not read"
        )),
    }
}
