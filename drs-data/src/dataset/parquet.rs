//! Parquet files as the Hugging Face hub has them: encoded images and labels.

use std::any::Any;
use std::fs::{File, read_dir};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};

use super::{Example, Labels, OpenOptions};
use crate::InputSpec;
use crate::error::DataError;
use crate::image::decode;

const IMAGES: [&str; 2] = ["image", "img"];
const LABELS: [&str; 3] = ["label", "fine_label", "labels"];

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
    bytes: Vec<u8>,
}

/// `None` if the path is no parquet file and no folder that holds one of this split.
pub(super) fn open(
    path: &Path,
    spec: InputSpec,
    options: &OpenOptions,
) -> Result<Option<Images>, DataError> {
    let is_parquet = |path: &Path| path.extension().is_some_and(|e| e == "parquet");
    let files = if path.is_dir() {
        [path.to_owned(), path.join("data")]
            .iter()
            .map(|folder| of_split(folder, &options.split))
            .find(|files| !files.is_empty())
            .unwrap_or_default()
    } else if is_parquet(path) {
        vec![path.to_owned()]
    } else {
        Vec::new()
    };
    if files.is_empty() {
        return Ok(None);
    }
    let mut images = Images { spec, files: files.clone(), images: Vec::new(), classes: None };
    for (index, file) in files.iter().enumerate() {
        // The parquet crate panics on some damaged files.
        let read = catch_unwind(AssertUnwindSafe(|| images.read(index, file, &options.labels)));
        let read = read.unwrap_or_else(|panic| Err(format!("is damaged: {}", said(&*panic))));
        read.map_err(|problem| DataError::new(file, problem))?;
    }
    Ok(Some(images))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it cannot be read")
}

/// `test.parquet`, or the shards `test-00000-of-00002.parquet`, …, in order.
fn of_split(folder: &Path, split: &str) -> Vec<PathBuf> {
    let is_of_split = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let rest = name.strip_prefix(split).and_then(|rest| rest.strip_suffix(".parquet"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let entries = read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(is_of_split).collect();
    files.sort();
    files
}

impl Images {
    fn read(&mut self, file: usize, path: &Path, labels: &Labels) -> Result<(), String> {
        let opened = File::open(path).map_err(|error| error.to_string())?;
        let reader = SerializedFileReader::new(opened).map_err(|error| error.to_string())?;
        let notes = reader.metadata().file_metadata().key_value_metadata();
        let hub = notes.into_iter().flatten().find(|note| note.key == "huggingface");
        let names = hub.and_then(|note| class_names(note.value.as_deref()?));
        for (row, record) in reader.into_iter().enumerate() {
            let record = record.map_err(|error| format!("row {row}: {error}"))?;
            let named = |problem: String| format!("row {row}: {problem}");
            let bytes = image(&record).map_err(named)?;
            let label = match labels {
                Labels::Own => Some(label(&record).map_err(named)?),
                Labels::None | Labels::File(_) => None,
            };
            self.images.push(Encoded { file, row, label, bytes });
        }
        self.classes = self.classes.take().or(names);
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
        let input = decode(bytes, None, self.spec).map_err(|problem| {
            DataError::new(&self.files[*file], format!("row {row}: {problem}"))
        })?;
        Ok(Example { index, label: *label, input, name: index.to_string() })
    }
}

/// The first column of one of these names.
fn column<'a>(record: &'a Row, names: &[&str]) -> Result<&'a Field, String> {
    let named = |name: &&str| record.get_column_iter().find(|(column, _)| column == name);
    names.iter().find_map(named).map(|(_, field)| field).ok_or_else(|| {
        let found: Vec<&str> = record.get_column_iter().map(|(name, _)| name.as_str()).collect();
        format!("no column {}, found {}", names.join(" or "), found.join(", "))
    })
}

/// The encoded image of a row.
fn image(record: &Row) -> Result<Vec<u8>, String> {
    match column(record, &IMAGES)? {
        Field::Bytes(bytes) => Ok(bytes.data().to_vec()),
        Field::Group(group) => {
            let bytes = group.get_column_iter().find_map(|(name, field)| match field {
                Field::Bytes(bytes) if name == "bytes" => Some(bytes.data().to_vec()),
                _ => None,
            });
            Ok(bytes.ok_or("the image has no `bytes`: the files that it names are not here")?)
        }
        other => Err(format!("the image is {other}, expected encoded bytes")),
    }
}

/// The class of a row.
fn label(record: &Row) -> Result<usize, String> {
    let hint = "--labels takes others, or none";
    let label = column(record, &LABELS).map_err(|problem| format!("{problem}; {hint}"))?;
    let class = match *label {
        Field::Long(class) => usize::try_from(class).ok(),
        Field::Int(class) => usize::try_from(class).ok(),
        Field::Short(class) => usize::try_from(class).ok(),
        Field::Byte(class) => usize::try_from(class).ok(),
        Field::ULong(class) => usize::try_from(class).ok(),
        Field::UInt(class) => usize::try_from(class).ok(),
        Field::UShort(class) => Some(usize::from(class)),
        Field::UByte(class) => Some(usize::from(class)),
        _ => None,
    };
    class.ok_or_else(|| format!("the label is {label}, expected a class from 0; {hint}"))
}

/// The names in the hub's own notes, if they are there.
fn class_names(note: &str) -> Option<Vec<String>> {
    let note: serde_json::Value = serde_json::from_str(note).ok()?;
    let features = &note["info"]["features"];
    let names = LABELS.iter().find_map(|label| features[label]["names"].as_array())?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}
